"""Names as people type them: one spelling for what looks the same."""

import re
import unicodedata

JOINT_SPEAKERS = " & "
"""between the names of people who speak at once, in `Utterance.speaker` and `speaker_id`; `normal` leaves none"""
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""letters and marks without a shape, which are no format characters"""


def normalised(name: str) -> str:
    """Return a name in one spelling: Unicode's NFKC, single blanks, no characters that cannot be seen.

    Upper and lower case stay, and so do leading zeros: whether `Ann` and `ann` are one person is not for us to say.

    >>> normal("Be\\u0301a\\u200b  Ｘ １\\u00a0")
    'Béa X 1'
    >>> normal("ann & bob")
    'ann&bob'
    """
    if name.isalnum() and name.isascii():  # as nearly all are
        return name
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name))
    kept = (" " if kind == "Cc" else letter for letter in text if (kind := unicodedata.category(letter)) != "Cf")
    text = unicodedata.normalize("NFKC", "".join(kept))  # what stood apart may now be one letter
    return " ".join(text.split()).replace(JOINT_SPEAKERS, JOINT_SPEAKERS.strip())
