"""The inputs of text extractors: an utterance, alone or after the turns before it in its dialogue.

An input is one string, which is also the address of its vector. It consists of turns from old to new, the target last,
with `SEPARATOR` between them. If an input names speakers, each turn begins with its speaker and `SPEAKER_MARK`.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby

import pandas as pd

from mer.params.schema import TextFeatures

SEPARATOR = "\x1f"
"""The character between turns: the unit separator of ASCII, which is removed from transcripts."""
SPEAKER_MARK = ": "
"""The characters between the speaker and the text of a turn."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and unpaired surrogates, which are removed from transcripts. The separator is one of them."""
PART_COLUMNS = ["split", "fold", "text_side"]
"""The columns of the manifest that assign rows to parts."""
DIALOGUE_COLUMNS = ["corpus", "dialogue_id", "speaker_id"]
"""The columns of the manifest that identify a speaker in a dialogue."""
NO_PARTS = ""
"""The parts of a row that is neither trained on nor tested."""


def cleaned(transcriptions: pd.Series) -> list[str | None]:
    """Return each text without control characters; None if it is empty.

    >>> cleaned(pd.Series(["Oh no!\\r", "one\\x1ftwo", " ", None]))
    ['Oh no!', 'one two', None, None]
    """
    texts = ("" if pd.isna(text) else UNPRINTABLE.sub(" ", str(text)).strip() for text in transcriptions)
    return [text or None for text in texts]


def inputs(manifest: pd.DataFrame, section: TextFeatures) -> list[str | None]:
    """Return the input of each row; None if it has no text, or if its kind of text is masked.

    The context consists of the last `section.context` earlier turns of the same dialogue and corpus that have a text.
    Missing turn numbers and turns without transcript are skipped. Turns that are excluded from the study are context
    all the same, so `manifest` must contain all rows.

    The text of a turn is never context in another part of a split. Published splits (MELD, EmoryNLP) and sessions
    (IEMOCAP) keep dialogues in one part. If a corpus is split by speaker, other speakers of the dialogue may be in
    another part, and their turns are left out.

    Args:
        manifest: all rows of a manifest, in any order.
        section: the parameters of the input.

    Example:
        >>> turns = {"corpus": "c", "dialogue_id": "d", "turn_index": [0, 2], "speaker_id": ["c_Ann", "c_Bo"]}
        >>> rows = pd.DataFrame({**turns, "transcription": ["Why?", "Fine."], "lexical_control": "free"})
        >>> inputs(rows, TextFeatures(context=1, speakers="names"))
        ['Ann: Why?', 'Ann: Why?\\x1fBo: Fine.']
        >>> inputs(rows, TextFeatures(context=1, speakers="roles"))
        ['self: Why?', 'other 1: Why?\\x1fself: Fine.']
    """
    allowed = manifest["lexical_control"].isin(list(section.lexical_control))
    texts = [text if use else None for text, use in zip(cleaned(manifest["transcription"]), allowed, strict=True)]
    if not section.context and section.speakers == "none":
        return texts
    names = _names(manifest)
    previous = _previous_turns(manifest, texts, section.context) if section.context else {}
    return [text and _joined([*previous.get(row, []), row], texts, names, section) for row, text in enumerate(texts)]


def turns(text: str, marked: bool) -> list[tuple[str | None, str]]:
    """Return the speaker (None if the input names none) and the text of each turn of an input, the target last.

    Args:
        text: an input.
        marked: whether turns begin with their speaker.

    >>> turns("self: Why?\\x1fother 1: So: that.", True)
    [('self', 'Why?'), ('other 1', 'So: that.')]
    """
    turns_of_text = text.split(SEPARATOR)
    if not marked:
        return [(None, turn) for turn in turns_of_text]
    return [(speaker, words) for speaker, _, words in (turn.partition(SPEAKER_MARK) for turn in turns_of_text)]


def _joined(rows: list[int], texts: list[str | None], names: list[str], section: TextFeatures) -> str:
    """Return the input of the last of the rows, the others being its context."""
    marks = _marks([names[row] for row in rows], section.speakers)
    return SEPARATOR.join(mark + texts[row] for mark, row in zip(marks, rows, strict=True))


def _names(manifest: pd.DataFrame) -> list[str]:
    """Return the corpus's own name of each speaker; the corpus in front of it would reveal the corpus to a model."""
    pairs = zip(manifest["corpus"], manifest["speaker_id"], strict=True)
    plain = (UNPRINTABLE.sub(" ", str(name)).removeprefix(f"{corpus}_") for corpus, name in pairs)
    return [name.replace(SPEAKER_MARK.strip(), " ").strip() for name in plain]


def _marks(names: list[str], speakers: str) -> list[str]:
    if speakers == "none":
        return [""] * len(names)
    if speakers == "names":
        return [name + SPEAKER_MARK for name in names]
    roles = {names[-1]: "self"}
    for name in reversed(names):  # from the target back, so that numbers do not depend on the number of turns
        roles.setdefault(name, f"other {len(roles)}")
    return [roles[name] + SPEAKER_MARK for name in names]


def _previous_turns(manifest: pd.DataFrame, texts: list[str | None], count: int) -> dict[int, list[int]]:
    """Return the number of a row -> the numbers of the rows of its context, from old to new."""
    dialogue = ["corpus", "dialogue_id"]
    table = manifest[[*dialogue, "turn_index"]].reset_index(drop=True).assign(parts=_parts(manifest))
    table = table[[text is not None for text in texts]].dropna(subset=["dialogue_id", "turn_index"])
    table = table.sort_values([*dialogue, "turn_index"], kind="stable")
    rows = zip(table["corpus"], table["dialogue_id"], table.index, table["turn_index"], table["parts"], strict=True)
    return {
        number: context
        for _, turns in groupby(rows, key=lambda row: row[:2])
        for number, context in _of_dialogue([turn[2:] for turn in turns], count)
    }


def _of_dialogue(turns: list[tuple[int, int, str]], count: int) -> Iterator[tuple[int, list[int]]]:
    """Yield the number of each row and its context.

    Args:
        turns: number of the row, turn index and parts of the turns of one dialogue, in order of the index.
        count: the largest number of turns of a context.
    """
    for parts in {parts for *_, parts in turns}:
        available = [turn for turn in turns if turn[2] in (parts, NO_PARTS)]
        indices = [index for _, index, _ in available]
        for number, index, own_parts in available:
            if own_parts == parts:
                n_earlier = bisect_left(indices, index)  # of two turns with one index, neither is earlier
                yield number, [turn[0] for turn in available[max(0, n_earlier - count) : n_earlier]]


def _parts(manifest: pd.DataFrame) -> list[str]:
    """Return the parts of all splits that each row is in. Rows are context only of rows with the same parts.

    An excluded row has the parts of its speaker: in the same dialogue, or else in the corpus if they are all the same.
    """
    rows = (
        manifest.reindex(columns=[*DIALOGUE_COLUMNS, *PART_COLUMNS, "exclude_reason"])
        .reset_index(drop=True)
        .astype(object)
    )
    parts = pd.Series([str(values) for values in rows[PART_COLUMNS].itertuples(index=False, name=None)], dtype=object)
    parts = parts.where(rows["exclude_reason"].isna(), None)
    for columns in (DIALOGUE_COLUMNS, ["corpus", "speaker_id"]):
        groups = parts.groupby([rows[name] for name in columns])
        parts = parts.fillna(groups.transform("first").where(groups.transform("nunique") == 1))
    return parts.fillna(NO_PARTS).tolist()
