"""CMU-MOSEI: segments of monologues on the web, each scored from 0 to 3 for six emotions.

A table of scores (`video, start, end, happy, sad, anger, surprise, disgust, fear`, as exported from
CMU_MOSEI_Labels.csd, or the raters' tables in `Raw/Labels`, which are averaged) is joined to transcripts, folds and
recordings. The label is the emotion with the highest score, `none` if all are zero, and `tie` if two are highest.
Traps: the row in the published labels is not the number of the segment, so segments are matched by time; some begin
    before zero; tables with a single emotion per row call rows without emotion happy; speakers are not identified, so a
    video counts as a speaker; 399 of the 23,259 segments are in none of the folds. Audio and video are both read from
    the whole video or both from the segment's file, because their times differ.
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
"""The largest difference between the times of one segment in two lists, in seconds."""

SAME_SCORE = 1e-6
"""The difference below which two scores are equal. Averages over three raters are written with few digits."""


@dataclass
class _Lists:
    """The content of all lists."""

    segments: dict[str, dict[int, Segment]] = field(default_factory=dict)
    """Maps a video and the number of a segment to the segment."""
    splits: dict[str, str] = field(default_factory=dict)
    """Maps a video to its part."""
    rated: dict[str, list[Rating]] = field(default_factory=dict)
    """Maps a segment to its row with times, or to its rows by raters."""


def label(scores: tuple[float, ...]) -> str:
    """Return the emotion with the highest score, `none` if all are zero, `tie` if two are highest.

    >>> label((0, 0, 1, 0, 0.6, 0)), label((0,) * 6), label((1, 1, 0, 0, 0, 0))
    ('anger', 'none', 'tie')
    """
    highest = max(scores)
    labels = [name for name, score in zip(SCORES, scores, strict=True) if abs(score - highest) < SAME_SCORE]
    return "none" if highest <= 0 else labels[0] if len(labels) == 1 else "tie"


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Join the lists to the recordings."""
    lists = _Lists()
    yield from _read(raw, folder, lists)
    paths: dict[str, tuple[Path, Path | None]] = {}
    for recording in recordings(raw, folder, (*AUDIO_SUFFIXES, ".mp4"), lambda path: (path.stem,)):
        if isinstance(recording, Problem):
            yield recording
        else:
            paths[recording[0][0]] = recording[1:]
    used = set()
    for name, rows in lists.rated.items():
        used |= {name, rows[0].video}
        yield _utterance(raw, name, rows, lists, paths)
    for stem, (path, _) in paths.items():
        if stem not in used:
            yield Problem(relative(path, raw), "not listed in a table of emotion scores")


def _read(raw: Path, folder: Path, lists: _Lists) -> Iterator[Problem]:
    rows: list[Rating] = []
    for path in walk(folder):
        suffix = path.suffix.lower()
        if path.name == FOLDS:
            for fold in folds(raw, path):
                if isinstance(fold, Problem):
                    yield fold
                else:
                    lists.splits.setdefault(*fold)
        elif suffix == ".txt":
            for segment in segments(raw, path):
                if isinstance(segment, Problem):
                    yield segment
                else:
                    lists.segments.setdefault(segment.video, {}).setdefault(segment.clip, segment)
        elif suffix == ".csv":
            for rating in ratings(raw, path):
                if isinstance(rating, Problem):
                    yield rating
                else:
                    rows.append(rating)
        elif suffix == ".csd" and "labels" in path.stem.lower():
            columns = f"video, start, end, {', '.join(SCORES)}"
            yield Problem(relative(path, raw), f"HDF5 is not read: export it to a csv file with columns {columns}")
    if rows and not lists.splits and not any(row.split for row in rows):
        yield Problem(
            relative(folder, raw),
            f"no list gives the split: put {FOLDS} of CMU-MultimodalSDK here",
            utterance_lost=False,
        )
    # rows with times are the published averages; raters' rows are read only if there are none
    yield from _add_ratings(rows, lists)


def _add_ratings(rows: list[Rating], lists: _Lists) -> Iterator[Problem]:
    for row in sorted(rows, key=lambda row: row.times is None):
        rated = lists.rated.setdefault(_name(row, lists), [])
        if not rated or (row.times is None and rated[0].times is None):
            rated.append(row)
        elif row.times is not None:
            yield Problem(row.path, f"{_name(row, lists)}: listed a second time", line=row.line, utterance_lost=False)


def _segment(row: Rating, lists: _Lists) -> Segment | None:
    """Return the segment of a row: by times if the row has them, else by number."""
    segments = lists.segments.get(row.video, {})
    if row.times is None:
        return segments.get(row.clip)
    start, end = row.times
    matches = (s for s in segments.values() if abs(s.start - start) < SAME_TIME and abs(s.end - end) < SAME_TIME)
    return next(matches, None)


def _name(row: Rating, lists: _Lists) -> str:
    if segment := _segment(row, lists):
        return f"{row.video}_{segment.clip}"
    # if transcripts have other times, the number of the row may belong to another numbering
    if row.clip is not None and (row.times is None or row.video not in lists.segments):
        return f"{row.video}_{row.clip}"
    return f"{row.video}_{round(row.times[0] * 1000)}ms"


def _utterance(
    raw: Path, name: str, rows: list[Rating], lists: _Lists, paths: dict[str, tuple[Path, Path | None]]
) -> Utterance | Problem:
    first = rows[0]
    segment = _segment(first, lists)
    times = first.times or (segment and (segment.start, segment.end))
    full, single = paths.get(first.video), paths.get(name)
    if full and times and (single is None or full[0].suffix.lower() in AUDIO_SUFFIXES):
        (path, video), (start, end) = full, times
    elif single:
        (path, video), start, end = single, None, None
    else:
        reason = "no start and end in any list" if full else "no audio"
        return Problem(first.path, f"{name}: {reason}", line=first.line)
    scores = tuple(sum(row.scores[i] for row in rows) / len(rows) for i in range(len(SCORES)))
    text = segment.text if segment and segment.text else None
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
        turn_index=segment.clip if segment else None,
        split_official=first.split or lists.splits.get(first.video),
        start=start,
        end=end,
        video=relative(video, raw) if video else None,
    )
