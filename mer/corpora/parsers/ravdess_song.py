"""RAVDESS, the song recordings: `Actor_01/03-02-06-01-02-01-01.wav`; names as in the speech half (ravdess.py).

The same actors sing the same two statements. Traps: folders and zip have the same names as those of the speech
recordings, apart from the second code; actor 18 does not sing; there is no disgust and no surprise.
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
    """Read the file names; speech that lies in the same folder is counted."""
    speech, seen = 0, {}
    yield from ravdess.find_videos(raw, folder, ravdess.SONG, seen)
    for clip in clips(raw, folder):
        if isinstance(clip, Problem):
            yield clip
        elif (codes := ravdess.NAME.fullmatch(clip[0])) and codes["channel"] == ravdess.SPEECH:
            speech += 1
        else:
            yield ravdess.with_video(ravdess.utterance(*clip[:2], EMOTIONS), seen)
    if speech:
        yield Problem(
            relative(folder, raw),
            f"{speech} clips of speech: another corpus of the family, not read",
            utterance_lost=False,
        )
