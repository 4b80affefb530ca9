"""nEMO (Polish): `samples/WR0_happiness_87.wav`, that is speaker, emotion, sentence, and `data.tsv`.

The list adds text, gender and age. Traps: its speaker column has leading blanks; it names files with
`.wav` whatever their suffix is. Where list and file name disagree, the file name counts.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.base import Corpus, Problem, Utterance
from mer.corpora.files import clips, in_path_order, relative, table, walk, whole

EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}
NAME = re.compile(r"(?P<speaker>[A-Z]{2}[0-9])_(?P<emotion>[a-z]+)_(?P<sentence>[0-9]{1,3})")
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names, and what `data.tsv` adds."""
    listed: dict[str, dict[str, str]] = {}
    where: dict[str, tuple[str, int]] = {}
    for path in walk(folder):
        if path.name != "data.tsv":
            continue
        for found in table(raw, path, COLUMNS, delimiter="\t"):
            if isinstance(found, Problem):
                yield found
                continue
            line, row = found
            stem = Path(row["file_id"]).stem
            if stem in listed:
                yield Problem(relative(path, raw), f"{stem}: listed a second time", line=line)
                continue
            listed[stem], where[stem] = row, (relative(path, raw), line)
            if reason := _disagreement(stem, row):
                yield Problem(relative(path, raw), reason, line=line)
    for clip in clips(raw, folder):
        if isinstance(clip, Problem):
            yield clip
            continue
        stem, path, _ = clip
        where.pop(stem, None)
        yield _utterance(stem, path, listed.get(stem, {}))
    for stem, (path, line) in where.items():
        yield Problem(path, f"{stem}: no audio", line=line)


def _disagreement(stem: str, row: dict[str, str]) -> str | None:
    codes = NAME.fullmatch(stem)
    if codes is None:
        return f"{stem!r}: expected a file_id such as WR0_happiness_87.wav"
    for column, code in (("emotion", "emotion"), ("speaker_id", "speaker")):
        if row[column] != codes[code]:
            return f"{stem}: the list says {column} {row[column]!r}; the file name counts"
    return None


def _utterance(stem: str, path: str, row: dict[str, str]) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is None:
        return Problem(path, "expected a name such as WR0_happiness_87")
    if codes["emotion"] not in EMOTIONS:
        return Problem(path, f"unknown label {codes['emotion']}")
    text = row.get("raw_text") or None
    return Utterance(
        name=stem,
        path=path,
        speaker=codes["speaker"],
        emotion_raw=codes["emotion"],
        gender={"male": "male", "female": "female"}.get(row.get("gender", "")),
        age=whole(row.get("age")),
        language="pl",
        transcription=text,
        text_source="script" if text else "none",
        sentence_id=codes["sentence"],
    )


CORPUS = Corpus(
    name="nemo",
    title="nEMO",
    family="nemo",
    folders=("nEMO", "nEMO-main"),
    emotions=EMOTIONS,
    parse=parse,
    language="pl",
    licence="CC BY-NC-SA 4.0",
    citation="Christop (2024). nEMO: Dataset of Emotional Speech in Polish. LREC-COLING, 12111–12116.",
    obtain=("https://github.com/amu-cai/nEMO, no login; put it at data/raw/nEMO/data.tsv and data/raw/nEMO/samples/…"),
    # 4,481 clips are published; the counts per label are not
    speakers=9,
)
