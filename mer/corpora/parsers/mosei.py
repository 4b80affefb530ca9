"""CMU-MOSEI: parts of monologues on the web, each scored from 0 to 3 for six emotions.

A table of scores (`video, start, end, happy, sad, anger, surprise, disgust, fear`, as exported from
CMU_MOSEI_Labels.csd, or the raters' own tables in `Raw/Labels`, which are averaged) is joined to transcripts,
folds and recordings. The highest score is the label; where all are zero it is `none`, where two are highest `tie`.
Traps: the row in the published labels is not the number of the part, so parts are matched by time; some
begin before zero; tables with a single emotion per row call rows without emotion happy; who speaks is not
told, so a video counts as a speaker; 399 of the 23,259 parts are in none of the folds. Sound and pictures are both
taken from the whole video or both from the part, as their times differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora.catalogue.conversations import MOSEI
from mer.corpora.corpus import AUDIO_SUFFIXES, Problem, Utterance
from mer.corpora.parsers.mosei_lists import SCORES, Rating, Segment, folds, ratings, segments
from mer.corpora.reading.files import in_path_order, relative, walk
from mer.corpora.reading.media import recordings

EMOTIONS = MOSEI.emotions
FOLDS = "cmu_mosei_std_folds.py"
SAME_TIME = 1e-3
"""seconds by which two lists may differ on one part"""

SAME_SCORE = 1e-6
"""averages over three raters are written with few digits"""


@dataclass
class _Lists:
    """What the lists say of all videos."""

    parts: dict[str, dict[int, Segment]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    rated: dict[str, list[Rating]] = field(default_factory=dict)
    """part -> its row with times, or else its rows by raters"""


def label(scores: tuple[float, ...]) -> str:
    """Return the emotion with the highest score, `none` where all are zero, `tie` where two are highest.

    >>> label((0, 0, 1, 0, 0.6, 0)), label((0,) * 6), label((1, 1, 0, 0, 0, 0))
    ('anger', 'none', 'tie')
    """
    most = max(scores)
    chosen = [name for name, score in zip(SCORES, scores, strict=True) if abs(score - most) < SAME_SCORE]
    return "none" if most <= 0 else chosen[0] if len(chosen) == 1 else "tie"


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Join the lists to the recordings; videos are yielded as they are, the reader decides."""
    lists = _Lists()
    yield from _read(raw, folder, lists)
    places: dict[str, tuple[Path, Path | None]] = {}
    for found in recordings(raw, folder, (*AUDIO_SUFFIXES, ".mp4"), lambda path: (path.stem,)):
        if isinstance(found, Problem):
            yield found
        else:
            places[found[0][0]] = found[1:]
    used = set()
    for name, rows in lists.rated.items():
        used |= {name, rows[0].video}
        yield _utterance(raw, name, rows, lists, places)
    for stem, (path, _) in places.items():
        if stem not in used:
            yield Problem(relative(path, raw), "not listed in a table of emotion scores")


def _read(raw: Path, folder: Path, lists: _Lists) -> Iterator[Problem]:
    rows: list[Rating] = []
    for path in walk(folder):
        suffix = path.suffix.lower()
        if path.name == FOLDS:
            for found in folds(raw, path):
                if isinstance(found, Problem):
                    yield found
                else:
                    lists.splits.setdefault(*found)
        elif suffix == ".txt":
            for found in segments(raw, path):
                if isinstance(found, Problem):
                    yield found
                else:
                    lists.parts.setdefault(found.video, {}).setdefault(found.clip, found)
        elif suffix == ".csv":
            for found in ratings(raw, path):
                if isinstance(found, Problem):
                    yield found
                else:
                    rows.append(found)
        elif suffix == ".csd" and "labels" in path.stem.lower():
            wanted = f"video, start, end, {', '.join(SCORES)}"
            yield Problem(relative(path, raw), f"HDF5 is not read: export it to a csv file with columns {wanted}")
    if rows and not lists.splits and not any(row.split for row in rows):
        yield Problem(
            relative(folder, raw), f"no split is told: put {FOLDS} of CMU-MultimodalSDK here", utterance_lost=False
        )
    # rows with times are the published averages; raters' rows only stand in for them
    for row in sorted(rows, key=lambda row: row.times is None):
        known = lists.rated.setdefault(_name(row, lists), [])
        if not known or (row.times is None and known[0].times is None):
            known.append(row)
        elif row.times is not None:
            yield Problem(row.path, f"{_name(row, lists)}: listed a second time", line=row.line, utterance_lost=False)


def _part(row: Rating, lists: _Lists) -> Segment | None:
    """Return the line of the transcript: by times where the row has them, else by number."""
    parts = lists.parts.get(row.video, {})
    if row.times is None:
        return parts.get(row.clip)
    start, end = row.times
    alike = (p for p in parts.values() if abs(p.start - start) < SAME_TIME and abs(p.end - end) < SAME_TIME)
    return next(alike, None)


def _name(row: Rating, lists: _Lists) -> str:
    if part := _part(row, lists):
        return f"{row.video}_{part.clip}"
    # where transcripts have other times, the number of the row may be one of another numbering
    if row.clip is not None and (row.times is None or row.video not in lists.parts):
        return f"{row.video}_{row.clip}"
    return f"{row.video}_{round(row.times[0] * 1000)}ms"


def _utterance(
    raw: Path, name: str, rows: list[Rating], lists: _Lists, places: dict[str, tuple[Path, Path | None]]
) -> Utterance | Problem:
    first = rows[0]
    part = _part(first, lists)
    times = first.times or (part and (part.start, part.end))
    full, alone = places.get(first.video), places.get(name)
    if full and times and (alone is None or full[0].suffix.lower() in AUDIO_SUFFIXES):
        (path, video), (start, end) = full, times
    elif alone:
        (path, video), start, end = alone, None, None
    else:
        reason = "no start and end in any list" if full else "no audio"
        return Problem(first.path, f"{name}: {reason}", line=first.line)
    scores = tuple(sum(row.scores[i] for row in rows) / len(rows) for i in range(len(SCORES)))
    text = part.text if part and part.text else None
    return Utterance(
        name=name,
        path=relative(path, raw),
        speaker=first.video,
        emotion_raw=label(scores),
        emotion_vector={name: score for name, score in zip(SCORES, scores, strict=True) if score > 0} or None,
        language="en",
        transcription=text,
        text_source="human" if text else "none",
        dialogue_id=first.video,
        turn_index=part.clip if part else None,
        split_official=first.split or lists.splits.get(first.video),
        start=start,
        end=end,
        video=relative(video, raw) if video else None,
    )
