"""Training data of public checkpoints, from `encoder_registry.yaml`."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

from mer import files

REGISTRY = Path(__file__).with_suffix(".yaml")
"""The file of the registry."""
FIELDS = {"name", "corpora", "other_data", "source", "address"}
"""The fields that every entry has."""
OPTIONAL_FIELDS = {"incomplete", "sha256", "revision"}
"""The fields that an entry may have."""
DEFAULT_REVISION = "main"
"""The revision that the hub returns if no revision is requested."""


@dataclass(frozen=True)
class Entry:
    """One line of the registry.

    Attributes:
        names: names on the hub, or patterns with *.
        corpora: corpora of MER in its training data; None if that is unknown.
        other_data: its other training data.
        source: the document that lists the training data.
        address: addresses of that document.
        incomplete: whether there is training data that is not listed; it may include corpora that are not in `corpora`.
        sha256: first digits of the digests of its files.
        revisions: revisions on the hub that the entry describes. Other revisions may be any network; their training
            data is unknown.
    """

    names: tuple[str, ...]
    corpora: tuple[str, ...] | None
    other_data: str
    source: str
    address: tuple[str, ...]
    incomplete: bool = False
    sha256: tuple[str, ...] = ()
    revisions: tuple[str, ...] = (DEFAULT_REVISION,)

    def covers(self, revision: str | None) -> bool:
        """Whether the entry describes a revision; None is the hub's default revision.

        >>> entry = by_name("facebook/wav2vec2-base")
        >>> entry.covers(None), entry.covers("main"), entry.covers("my-finetuned-branch")
        (True, True, False)
        """
        return (DEFAULT_REVISION if revision is None else revision) in self.revisions


def by_name(name: str) -> Entry | None:
    """Return the entry for a name on the hub or a file name; None if there is none.

    >>> by_name("J-Hartmann/emotion-english-distilroberta-base").corpora
    ('meld',)
    >>> by_name("openai/whisper-tiny").corpora is None, by_name("somebody/else") is None
    (True, True)
    """
    lower = name.lower()
    return next((e for e in registry() if any(fnmatchcase(lower, pattern.lower()) for pattern in e.names)), None)


def by_digest(sha256: str | None) -> Entry | None:
    """Return the entry for the digest of a file; None if there is none.

    >>> by_digest("0676ba61" + 56 * "0").other_data
    'ImageNet-1k'
    """
    return next((e for e in registry() if sha256 and any(sha256.startswith(digits) for digits in e.sha256)), None)


@cache
def registry(path: Path = REGISTRY) -> tuple[Entry, ...]:
    """Read the registry.

    Raises:
        ValueError: an entry is malformed; the message names it and the reason.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(_entry(row, f"{files.to_root(path)}, entry {number}") for number, row in enumerate(rows, 1))


def _entry(row: object, place: str) -> Entry:
    if not isinstance(row, dict) or FIELDS - row.keys() or row.keys() - FIELDS - OPTIONAL_FIELDS:
        optional = " and ".join(sorted(OPTIONAL_FIELDS))
        raise ValueError(f"{place}: expected {', '.join(sorted(FIELDS))} (optional: {optional})")
    names, address, digests = (tuple(map(str, _as_list(row.get(key, [])))) for key in ("name", "address", "sha256"))
    revisions = tuple(map(str, _as_list(row.get("revision", DEFAULT_REVISION))))
    if not revisions or not all(revisions):
        raise ValueError(f"{place}: `revision` is main, a commit or a tag, or a list of them")
    if any(len(digits) < 8 or set(digits) - set("0123456789abcdef") for digits in digests):
        raise ValueError(f"{place}: sha256 must be at least 8 digits of 0-9 and a-f, in quotes where YAML asks")
    corpora, incomplete = None if row["corpora"] is None else tuple(row["corpora"]), row.get("incomplete", False)
    if corpora is not None and not address:
        raise ValueError(f"{place}: `corpora` of {names[0]} has no `address`; give one, or make `corpora` null")
    if incomplete not in (True, False) or (incomplete and not corpora):
        raise ValueError(
            f"{place}: `incomplete` is true only if `corpora` lists some; make `corpora` null if they are unknown"
        )
    return Entry(names, corpora, str(row["other_data"]), str(row["source"]), address, incomplete, digests, revisions)


def _as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]
