"""What public checkpoints have seen, from `encoders.yaml`."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

from mer import files

REGISTRY = Path(__file__).with_suffix(".yaml")
FIELDS = {"name", "saw", "besides", "source", "address"}
MAYBE = {"partly", "sha256", "revision"}
MAIN = "main"
"""the revision that the hub hands out where none is named"""


@dataclass(frozen=True)
class Entry:
    """One line of the registry.

    Attributes:
        names: as on the hub, or patterns.
        saw: corpora of MER; None where nothing is known.
        besides: what else it was trained on.
        source: who says so.
        address: where that was read.
        partly: whether it was trained on more that nobody lists, so that what is not in `saw` may have been seen, too.
        sha256: first digits of the digests of its files.
        revisions: on the hub, that the claim is about: another one may be any network, and is acquitted of nothing.
    """

    names: tuple[str, ...]
    saw: tuple[str, ...] | None
    besides: str
    source: str
    address: tuple[str, ...]
    partly: bool = False
    sha256: tuple[str, ...] = ()
    revisions: tuple[str, ...] = (MAIN,)

    def covers(self, revision: str | None) -> bool:
        """Whether the claim is about a revision; None is the one that the hub hands out.

        >>> entry = named("facebook/wav2vec2-base")
        >>> entry.covers(None), entry.covers("main"), entry.covers("my-finetuned-branch")
        (True, True, False)
        """
        return (MAIN if revision is None else revision) in self.revisions


def named(name: str) -> Entry | None:
    """Return what is known of a checkpoint by its name on the hub, or by the name of its file.

    >>> named("J-Hartmann/emotion-english-distilroberta-base").saw
    ('meld',)
    >>> named("openai/whisper-tiny").saw is None, named("somebody/else") is None
    (True, True)
    """
    plain = name.lower()
    return next((e for e in registry() if any(fnmatchcase(plain, known.lower()) for known in e.names)), None)


def digested(sha256: str | None) -> Entry | None:
    """Return what is known of a checkpoint by the digest of its file.

    >>> digested("0676ba61" + 56 * "0").besides
    'ImageNet-1k'
    """
    return next((e for e in registry() if sha256 and any(sha256.startswith(known) for known in e.sha256)), None)


@cache
def registry(path: Path = REGISTRY) -> tuple[Entry, ...]:
    """Read the registry.

    Raises:
        ValueError: an entry is not one; says which and why.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(_entry(row, f"{files.to_root(path)}, entry {number}") for number, row in enumerate(rows, 1))


def _entry(row: object, place: str) -> Entry:
    if not isinstance(row, dict) or FIELDS - row.keys() or row.keys() - FIELDS - MAYBE:
        may = " and ".join(sorted(MAYBE))
        raise ValueError(f"{place}: expected {', '.join(sorted(FIELDS))} ({may} may be left out)")
    names, address, digests = (tuple(map(str, _listed(row.get(key, [])))) for key in ("name", "address", "sha256"))
    revisions = tuple(map(str, _listed(row.get("revision", MAIN))))
    if not revisions or not all(revisions):
        raise ValueError(f"{place}: `revision` is main, a commit or a tag, or a list of them")
    if any(len(known) < 8 or set(known) - set("0123456789abcdef") for known in digests):
        raise ValueError(f"{place}: sha256 must be at least 8 digits of 0-9 and a-f, in quotes where YAML asks")
    saw, partly = None if row["saw"] is None else tuple(row["saw"]), row.get("partly", False)
    if saw is not None and not address:
        raise ValueError(f"{place}: what {names[0]} saw was read nowhere: give `address`, or make `saw` null")
    if partly not in (True, False) or (partly and not saw):
        raise ValueError(
            f"{place}: `partly` is true beside corpora in `saw`, or left out; if none is known, `saw` is null"
        )
    return Entry(names, saw, str(row["besides"]), str(row["source"]), address, partly, digests, revisions)


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]
