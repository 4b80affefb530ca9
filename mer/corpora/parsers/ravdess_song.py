"""RAVDESS, the song recordings: `Actor_01/03-02-06-01-02-01-01.wav`, with names as in the speech half (ravdess.py).

The same actors sing the same two statements. Traps: folders and files have the same names as the speech recordings,
except for the second code; actor 18 does not sing; there is no disgust and no surprise.
"""

from collections.abc import Iterator
from pathlib import Path

from mer.corpora.catalogue.acted import RAVDESS_SONG
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.parsers import ravdess
from mer.corpora.reading.files import clips, in_path_order, relative

EMOTIONS = RAVDESS_SONG.emotions


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names. Speech recordings in the same folder are only counted."""
    n_speech, video_paths = 0, {}
    yield from ravdess.find_videos(raw, folder, ravdess.SONG, video_paths)
    for clip in clips(raw, folder):
        if isinstance(clip, Problem):
            yield clip
        elif (codes := ravdess.NAME.fullmatch(clip[0])) and codes["channel"] == ravdess.SPEECH:
            n_speech += 1
        else:
            yield ravdess.with_video(ravdess.utterance(*clip[:2], EMOTIONS), video_paths)
    if n_speech:
        yield Problem(
            relative(folder, raw),
            f"{n_speech} clips of speech: another corpus of the family, not read",
            utterance_lost=False,
        )
