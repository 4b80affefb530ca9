"""AFEW (EmotiW): `Train_AFEW/Angry/000046280.avi` is part, emotion and number of a clip from a movie.

The folder is the label. Transcripts are not part of the corpus; those of a recogniser are read from `df_text_AFEW.csv`
(columns name_file, subset, emo, text) if present. Traps: speakers are not identified, so every clip counts as a
speaker; the labels of the test part are withheld; folders of aligned faces lie beside the clips; published numbers per
class differ by one or two.
"""

from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.conversations import AFEW
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.reading.files import in_path_order, relative, table, walk
from mer.corpora.reading.media import SPLITS, VIDEO_SUFFIXES, recordings, split_of

EMOTIONS = AFEW.emotions
LIST = "df_text_AFEW.csv"
COLUMNS = ("name_file", "subset", "text")

Clip = tuple[str, str]
"""The part and the number of a clip."""


def _key(path: Path) -> tuple[Clip, str] | str:
    """Return clip and label of a path, or the problem with it."""
    split = split_of(path.parent)
    if split is None:
        return "no folder above it says train or val"
    if split == "test":
        return "the labels of the test part are withheld: not read"
    if len(path.parts) < 2 or split_of(Path(path.parts[-2])):
        return "expected a path such as Train_AFEW/Angry/000046280.avi"
    if path.parts[-2] not in EMOTIONS:
        return f"unknown label {path.parts[-2]}"
    return (split, path.stem), path.parts[-2]


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the names of folders and files, and the list of transcripts."""
    texts: dict[Clip, str] = {}
    for path in walk(folder):
        if path.name == LIST:
            yield from _texts(raw, path, texts)
    labels_of: dict[Clip, dict[str, tuple[Path, Path | None]]] = {}
    for recording in recordings(raw, folder, (*AUDIO_SUFFIXES, *VIDEO_SUFFIXES), _key):
        if isinstance(recording, Problem):
            yield recording
        else:
            (clip, emotion), *paths = recording
            labels_of.setdefault(clip, {})[emotion] = tuple(paths)
    for (split, number), labels in labels_of.items():
        for emotion, (path, video) in labels.items():
            others = ", ".join(sorted(set(labels) - {emotion}))
            if others:
                yield Problem(relative(path, raw), f"two labels: the same clip is in {others}, too")
                continue
            text = texts.get((split, number)) or None
            yield Utterance(
                name=f"{split}_{number}",
                path=relative(path, raw),
                speaker=f"{split}_{number}",
                emotion_raw=emotion,
                language="en",
                transcription=text,
                text_source="asr" if text else "none",
                split_official=SPLITS[split],
                video=relative(video, raw) if video else None,
            )


def _texts(raw: Path, path: Path, texts: dict[Clip, str]) -> Iterator[Problem]:
    for numbered_row in table(raw, path, COLUMNS):
        if isinstance(numbered_row, Problem):
            yield numbered_row
            continue
        line, row = numbered_row
        if split := split_of(Path(row["subset"])):
            texts.setdefault((split, Path(row["name_file"]).stem), row["text"])
        else:
            yield Problem(relative(path, raw), f"subset {row['subset']} is neither train nor val", line=line)
