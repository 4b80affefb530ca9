"""The text that an extractor reads for a segment: its own, and that of earlier turns if the model uses context."""

from collections.abc import Sequence

import pandas as pd

from mer.features.extractor import Unavailable
from mer.features.text.dialogue import cleaned, inputs
from mer.params.schema import TextFeatures


def text_input(text: str | None, turns: Sequence[str], section: TextFeatures) -> str | Unavailable:
    """Return the string that a text extractor reads.

    Speakers of a recording are unknown, so all turns count as turns of one speaker.

    Args:
        text: the text of the segment.
        turns: the texts of earlier segments of the recording, from old to new.
        section: the parameters of the input.

    >>> text_input("Fine.", ["Why?"], TextFeatures(context=1))
    'Why?\\x1fFine.'
    >>> text_input(" ", [], TextFeatures())
    Unavailable(reason='no transcript')
    """
    if cleaned(pd.Series([text], dtype=object)) == [None]:
        return Unavailable("no transcript")
    texts = [*turns, text]
    constants = {"corpus": "own", "dialogue_id": "own", "speaker_id": "own_self", "lexical_control": "free"}
    rows = pd.DataFrame({"transcription": texts, "turn_index": range(len(texts))}).assign(**constants)
    return inputs(rows, section.model_copy(update={"lexical_control": ("free",)}))[-1]
