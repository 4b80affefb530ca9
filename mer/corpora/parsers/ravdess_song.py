"""RAVDESS, the song recordings: `Actor_01/03-02-06-01-02-01-01.wav`; names as in the speech half (ravdess.py).

The same actors sing the same two statements. Traps: folders and zip have the same names as those of the speech
recordings, apart from the second code; actor 18 does not sing; there is no disgust and no surprise.
"""

from collections.abc import Iterator
from pathlib import Path

from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.parsers import ravdess
from mer.corpora.reading.files import clips, in_path_order, relative

EMOTIONS = {code: ravdess.EMOTIONS[code] for code in ("01", "02", "03", "04", "05", "06")}


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
            relative(folder, raw), f"{speech} clips of speech: another corpus of the family, not read", lost=False
        )


CORPUS = Corpus(
    name="ravdess_song",
    title="RAVDESS (song, audio only)",
    family="ravdess",
    folders=("RAVDESS song", "Audio_Song_Actors_01-24", "RAVDESS", "ravdess-emotional-song-audio"),
    emotions=EMOTIONS,
    parse=parse,
    language="en",
    licence=ravdess.CORPUS.licence,
    citation=ravdess.CORPUS.citation,
    obtain=(
        "Audio_Song_Actors_01-24.zip from https://zenodo.org/records/1188976, no login; "
        "extract to data/raw/RAVDESS song/Actor_01/…, apart from the speech recordings"
    ),
    expected={"01": 92} | dict.fromkeys(("02", "03", "04", "05", "06"), 184),
    speakers=23,
    same_people=True,
    missing={"18": "female"},
    telltale=r"03-02-[0-9]{2}-.*",
)
