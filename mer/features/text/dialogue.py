"""What a text extractor reads: an utterance, alone or after the turns that came before it.

The input is one string, which is also the address of its vector: turns from old to new, the target last, with
`SEPARATOR` between them. Where turns say who speaks, each begins with the speaker and `SPEAKER_MARK`.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby

import pandas as pd

from mer.params.schema import TextFeatures

SEPARATOR = "\x1f"
"""between turns: ASCII's own, which no transcript keeps"""
SPEAKER_MARK = ": "
"""between who speaks and what is said"""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""control characters and halves of characters: nothing that is said, and one of them is the separator"""
PART_COLUMNS = ["split", "fold", "text_side"]
DIALOGUE_COLUMNS = ["corpus", "dialogue_id", "speaker_id"]
NO_DIALOGUE = ""
"""the side of a row that is neither trained on nor tested"""


def cleaned(transcriptions: pd.Series) -> list[str | None]:
    """Return each text without control characters; None where nothing is left.

    >>> cleaned(pd.Series(["Oh no!\\r", "one\\x1ftwo", " ", None]))
    ['Oh no!', 'one two', None, None]
    """
    texts = ("" if pd.isna(text) else UNPRINTABLE.sub(" ", str(text)).strip() for text in transcriptions)
    return [text or None for text in texts]


def inputs(manifest: pd.DataFrame, section: TextFeatures) -> list[str | None]:
    """Return what is read for each row; None where there are no words, or none that may be used.

    Context is what was said earlier in the same dialogue of the same corpus: the last `section.context` turns that
    have words, so neither a gap in the numbers nor a turn without transcript takes a place. A turn whose label
    cannot be used was said all the same and counts, so `manifest` must be the whole one.

    No words of a turn cross from one side of a split to the other. A published split (MELD, EmoryNLP) and sessions
    (IEMOCAP) keep dialogues whole. Where a corpus is split by speaker alone, the others in the room may be on
    another side, and their turns are left out.

    Args:
        manifest: all rows of a manifest, in any order.

    Example:
        >>> turns = {"corpus": "c", "dialogue_id": "d", "turn_index": [0, 2], "speaker_id": ["c_Ann", "c_Bo"]}
        >>> rows = pd.DataFrame({**turns, "transcription": ["Why?", "Fine."], "lexical_control": "free"})
        >>> inputs(rows, TextFeatures(context=1, speakers="names"))
        ['Ann: Why?', 'Ann: Why?\\x1fBo: Fine.']
        >>> inputs(rows, TextFeatures(context=1, speakers="roles"))
        ['self: Why?', 'other 1: Why?\\x1fself: Fine.']
    """
    allowed = manifest["lexical_control"].isin(list(section.lexical_control))
    words = [text if use else None for text, use in zip(cleaned(manifest["transcription"]), allowed, strict=True)]
    if not section.context and section.speakers == "none":
        return words
    names = _names(manifest)
    before = _previous_turns(manifest, words, section.context) if section.context else {}
    found: list[str | None] = []
    for row, text in enumerate(words):
        turns = [*before.get(row, []), row]
        marks = _marks([names[turn] for turn in turns], section.speakers)
        read = SEPARATOR.join(mark + words[turn] for mark, turn in zip(marks, turns, strict=True)) if text else None
        found.append(read)
    return found


def turns(text: str, marked: bool) -> list[tuple[str | None, str]]:
    """Return who speaks (None where it is not said) and the words of each turn of an input, the target last.

    Args:
        marked: whether turns begin with who speaks.

    >>> turns("self: Why?\\x1fother 1: So: that.", True)
    [('self', 'Why?'), ('other 1', 'So: that.')]
    """
    parts = text.split(SEPARATOR)
    if not marked:
        return [(None, part) for part in parts]
    return [(mark, words) for mark, _, words in (part.partition(SPEAKER_MARK) for part in parts)]


def _names(manifest: pd.DataFrame) -> list[str]:
    """The corpus's own name of each speaker: with ours in front, a text would tell its corpus."""
    pairs = zip(manifest["corpus"], manifest["speaker_id"], strict=True)
    plain = (UNPRINTABLE.sub(" ", str(name)).removeprefix(f"{corpus}_") for corpus, name in pairs)
    return [name.replace(SPEAKER_MARK.strip(), " ").strip() for name in plain]


def _marks(names: list[str], speakers: str) -> list[str]:
    if speakers == "none":
        return [""] * len(names)
    if speakers == "names":
        return [name + SPEAKER_MARK for name in names]
    roles = {names[-1]: "self"}
    for name in reversed(names):  # from the target back, so that a number stays when the oldest turn is cut off
        roles.setdefault(name, f"other {len(roles)}")
    return [roles[name] + SPEAKER_MARK for name in names]


def _previous_turns(manifest: pd.DataFrame, words: list[str | None], count: int) -> dict[int, list[int]]:
    """Row number -> the numbers of the rows of its context, from old to new."""
    dialogue = ["corpus", "dialogue_id"]
    table = manifest[[*dialogue, "turn_index"]].reset_index(drop=True).assign(side=_sides(manifest))
    table = table[[text is not None for text in words]].dropna(subset=["dialogue_id", "turn_index"])
    table = table.sort_values([*dialogue, "turn_index"], kind="stable")
    rows = zip(table["corpus"], table["dialogue_id"], table.index, table["turn_index"], table["side"], strict=True)
    return {
        number: context
        for _, turns in groupby(rows, key=lambda row: row[:2])
        for number, context in _of_dialogue([turn[2:] for turn in turns], count)
    }


def _of_dialogue(turns: list[tuple[int, int, str]], count: int) -> Iterator[tuple[int, list[int]]]:
    """Yield each row number and its context, given row number, place and side of a dialogue's turns in their order."""
    for side in {side for *_, side in turns}:
        heard = [turn for turn in turns if turn[2] in (side, NO_DIALOGUE)]
        places = [place for _, place, _ in heard]
        for number, place, own in heard:
            if own == side:
                earlier = bisect_left(places, place)  # two turns of one number: neither is past
                yield number, [turn[0] for turn in heard[max(0, earlier - count) : earlier]]


def _sides(manifest: pd.DataFrame) -> list[str]:
    """The side of every split on which each row lies: words that were said on another one are not read with it.

    A row that is excluded lies where its speaker does: in this dialogue, or everywhere in the corpus.
    """
    rows = (
        manifest.reindex(columns=[*DIALOGUE_COLUMNS, *PART_COLUMNS, "exclude_reason"])
        .reset_index(drop=True)
        .astype(object)
    )
    side = pd.Series([str(lies) for lies in rows[PART_COLUMNS].itertuples(index=False, name=None)], dtype=object)
    side = side.where(rows["exclude_reason"].isna(), None)
    for who in (DIALOGUE_COLUMNS, ["corpus", "speaker_id"]):
        groups = side.groupby([rows[name] for name in who])
        side = side.fillna(groups.transform("first").where(groups.transform("nunique") == 1))
    return side.fillna(NO_DIALOGUE).tolist()
