"""What a text model reads of a stretch: its words as in a study, with what was said before where it takes context."""

from collections.abc import Sequence

import pandas as pd

from mer.features.extractor import Absent
from mer.features.text.dialogue import inputs, said
from mer.params.schema import TextFeatures


def read_as(text: str | None, before: Sequence[str], section: TextFeatures) -> str | Absent:
    """Return the input of a text extractor.

    Who speaks in a recording is not known, so that all turns count as one speaker's.

    Args:
        before: earlier turns of the recording, from old to new.

    >>> read_as("Fine.", ["Why?"], TextFeatures(context=1))
    'Why?\\x1fFine.'
    >>> read_as(" ", [], TextFeatures())
    Absent(reason='no words')
    """
    if said(pd.Series([text], dtype=object)) == [None]:
        return Absent("no words")
    turns = [*before, text]
    whole = {"corpus": "own", "dialogue_id": "own", "speaker_id": "own_self", "lexical_control": "free"}
    rows = pd.DataFrame({"transcription": turns, "turn_index": range(len(turns))}).assign(**whole)
    return inputs(rows, section.model_copy(update={"lexical_control": ("free",)}))[-1]
