"""What public checkpoints have seen, from `encoders.yaml`."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

from mer import files

REGISTRY = Path(__file__).with_suffix(".yaml")
FIELDS = {"name", "saw", "besides", "source", "sha256"}


@dataclass(frozen=True)
class Entry:
    """One line of the registry.

    Attributes:
        names: as on the hub, or patterns.
        saw: corpora of MER; None where that is not known.
        besides: what else it was trained on.
        source: who says so.
        sha256: first digits of the digests of its files.
    """

    names: tuple[str, ...]
    saw: tuple[str, ...] | None
    besides: str
    source: str
    sha256: tuple[str, ...] = ()


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
    found = []
    for number, row in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")), 1):
        place = f"{files.to_root(path)}, entry {number}"
        if not isinstance(row, dict) or (FIELDS - {"sha256"}) - row.keys() or row.keys() - FIELDS:
            raise ValueError(f"{place}: expected {', '.join(sorted(FIELDS))} (sha256 may be left out)")
        digests = tuple(map(str, _listed(row.get("sha256", []))))
        if any(len(known) < 8 or set(known) - set("0123456789abcdef") for known in digests):
            raise ValueError(f"{place}: sha256 must be at least 8 digits of 0-9 and a-f, in quotes where YAML asks")
        saw = None if row["saw"] is None else tuple(row["saw"])
        found.append(Entry(tuple(_listed(row["name"])), saw, str(row["besides"]), str(row["source"]), digests))
    return tuple(found)


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]
