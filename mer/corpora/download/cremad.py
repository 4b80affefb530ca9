"""CREMA-D's 7,442 recordings, with the sizes and digests in the Git-LFS pointers of its repository.

`cremad.json` holds for each actor the base64 of 15 bytes per recording, in the order of its list of clips: 3 bytes for
the size and 12 for the beginning of the SHA-256. A recording that does not exist has zeros. In a clone of the
repository made with GIT_LFS_SKIP_SMUDGE=1, this command writes the file again:

    python -m mer.corpora.download.cremad AudioWAV
"""

import base64
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from mer import files
from mer.corpora.download.source import File

TABLE = Path(__file__).with_suffix(".json")
POINTER = re.compile(r"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,7})\n")
SIZE, DIGITS = 3, 12
"""The number of bytes for the size and for the digest in a record."""
ORIGIN = "CheyneyComputerScience/CREMA-D"
COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"
URLS = (
    f"https://media.githubusercontent.com/media/{ORIGIN}/master/AudioWAV",
    "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main/AudioWAV",  # its authors' mirror
)
LISTS = {
    "LICENSE.txt": (312, "e76747a4efa4b338914bb3f930b5d3d3c3ac15b886bbabf897f6a19731f987f8"),
    "SentenceFilenames.csv": (170_087, "d88cb50e84bbc30b2e159cdfc25e1cf87777ad97c7c41d6ab8f75d3383b8f740"),
    "VideoDemographics.csv": (4_033, "e33ddc8b60bedf98541735801127cbb67098b5957271adbdd5dea8a44294eec3"),
    "processedResults/summaryTable.csv": (
        449_048, "fb0e382700d32c0d9adc0c6815292215a36bcf912f2657048862c91e3bd2b317",
    ),
    "processedResults/tabulatedVotes.csv": (
        4_057_953, "774d9d759cb5caf2542758a39eca8c0f1d2777f9987ff5d5adf8066d192f377b",
    ),
}  # fmt: skip
"""Maps a list to its size in bytes and its SHA-256 at `COMMIT`."""

Clip = tuple[str, int, str]
"""Name, size in bytes, and SHA-256 in hexadecimal, of which the end may be missing."""


def recordings() -> list[File]:
    """Return the lists and then every recording, as files to download."""
    raw = f"https://raw.githubusercontent.com/{ORIGIN}/{COMMIT}"
    lists = [File(name, (f"{raw}/{name}",), count, f"sha256:{digest}") for name, (count, digest) in LISTS.items()]
    return lists + [
        File(f"AudioWAV/{name}.wav", tuple(f"{url}/{name}.wav" for url in URLS), count, f"sha256:{digest}")
        for name, count, digest in clips(files.read_json(TABLE))
    ]


def clips(table: dict) -> Iterator[Clip]:
    """Yield the clips of a packed table, by name, with shortened digests."""
    for actor, text in table["actors"].items():
        data, step = base64.b64decode(text), SIZE + DIGITS
        records = (data[at : at + step] for at in range(0, len(data), step))
        for clip, record in zip(table["clips"], records, strict=True):
            if any(record):
                yield f"{actor}_{clip}", int.from_bytes(record[:SIZE]), record[SIZE:].hex()


def pack(entries: Iterable[Clip]) -> dict:
    """Return clips in the form in which they are stored.

    >>> table = pack([("1001_DFA_ANG_XX", 72862, "c6f94b2592487c7556bd86df" + "0" * 40)])
    >>> list(clips(table))
    [('1001_DFA_ANG_XX', 72862, 'c6f94b2592487c7556bd86df')]
    """
    records = {name: count.to_bytes(SIZE) + bytes.fromhex(digest)[:DIGITS] for name, count, digest in entries}
    actors, kinds = (sorted({part(name) for name in records}) for part in (lambda n: n[:4], lambda n: n[5:]))
    empty = bytes(SIZE + DIGITS)
    return {
        "clips": kinds,
        "actors": {
            actor: base64.b64encode(b"".join(records.get(f"{actor}_{kind}", empty) for kind in kinds)).decode("ascii")
            for actor in actors
        },
    }


def pointers(folder: Path) -> Iterator[Clip]:
    """Yield name, size and digest of each Git-LFS pointer in a folder.

    Raises:
        ValueError: a file is no pointer.
    """
    for path in sorted(folder.glob("*.wav")):
        if path.stat().st_size > 1024 or not (match := POINTER.search(path.read_text(encoding="ascii"))):
            raise ValueError(f"{path}: not a Git-LFS pointer; clone again with GIT_LFS_SKIP_SMUDGE=1")
        yield path.stem, int(match[2]), match[1]


if __name__ == "__main__":
    files.write_json(TABLE, pack(pointers(Path(sys.argv[1]))))
