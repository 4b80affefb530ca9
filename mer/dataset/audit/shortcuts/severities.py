"""The thresholds from which a shortcut's score is a warning or a note."""

import numpy as np
import pandas as pd

from mer.dataset.audit.findings import NOTE, WARNING

WARNING_SHARE = 0.25
"""The share of the way from chance to a perfect score beyond which a shortcut explains what models reach on unseen
corpora. A shortcut is a warning if its whole interval lies beyond. It is a note if only its score lies beyond and its
interval lies above chance."""
NOTE_SHARE = 0.1
"""The share of the way from chance to a perfect score from which a cue that emotion cannot change is a note, if it is
significantly above chance. Smaller effects are not reported: with thousands of clips, the least trace of speech in a
pause is significant."""
ALARM_RATE = 0.01
"""The probability that a study in which no cue depends on emotion gets a note of a shortcut above chance."""
POOLED = "all corpora"
"""The value of `corpus` in rows of one model of all corpora, trained and tested on the single split."""


def severities(scores: pd.DataFrame) -> pd.Series:
    """Return the severity of each row of `scores.shortcut_scores`: warning, note or, if it is not flagged, ""."""
    far = (scores["low"] - scores["chance"]) / (1 - scores["chance"]) > WARNING_SHARE
    return pd.Series(np.where(scores["flagged"].astype(bool), np.where(far, WARNING, NOTE), ""), scores.index, "str")
