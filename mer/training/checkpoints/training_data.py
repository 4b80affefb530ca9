"""What a model has seen, as digests of 8 bytes: recordings, people and longer lines, whatever their names.

A recording is its decoded samples (`samples_sha256` of the manifest). A row without them is who says what, where:
family, dialogue, turn, speaker and words. A person is a speaker of a family, whose corpora name their speakers alike;
names that may be of one person are taken for one. A line is five words or more that a speaker has chosen freely.

The digests lie beside the weights, in the same file. Those of models that a training began with are carried along.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.dataset.identity import sentences, speaker_names
from mer.dataset.identity import speakers as people
from mer.training.checkpoints.card import MEMORY

VERSION = 1
"""raised whenever the same row would have other digests"""
PARTS = ("train", "validation")
KINDS = ("recordings", "people", "people_anywhere", "lines")
"""`people` of corpora that keep them apart; `people_anywhere` of published splits, which may share them"""
NO_DIGEST = np.uint64(0)
"""stands in place of a digest where a row has no such thing"""


@dataclass(frozen=True)
class RowDigests:
    """Digests of a manifest's rows.

    Attributes:
        recordings: uint64 of shape (rows, 2): by sound and by words; `NO_DIGEST` where a row has none.
        people: uint64 of shape (rows, most): keys of who is or may be speaking; `NO_DIGEST` where there are fewer.
        lines: uint64 of shape (rows,).
        apart: whether the row's corpus keeps each of its people in one part; bool of shape (rows,).
    """

    recordings: np.ndarray
    people: np.ndarray
    lines: np.ndarray
    apart: np.ndarray


@dataclass(frozen=True, eq=False)
class Exposure:
    """Part -> kind -> digests, uint64, ascending."""

    parts: Mapping[str, Mapping[str, np.ndarray]]

    def digests(self, kind: str) -> np.ndarray:
        """Return the digests of a kind, of all parts."""
        return reduce(np.union1d, (kinds[kind] for kinds in self.parts.values()), _none())

    def counts(self) -> dict[str, int]:
        """Return the numbers of digests, as they stand in a card."""
        people = np.union1d(self.digests("people"), self.digests("people_anywhere"))
        counts = {
            "recordings": len(self.digests("recordings")),
            "people": len(people),
            "lines": len(self.digests("lines")),
        }
        return {"version": VERSION, **counts}

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what is written beside a model's weights."""
        return {f"{MEMORY}{part}.{kind}": self.parts[part][kind] for part in PARTS for kind in KINDS}

    def merged(self, other: "Exposure") -> "Exposure":
        """Return what two models have seen together."""
        return Exposure({p: {k: np.union1d(self.parts[p][k], other.parts[p][k]) for k in KINDS} for p in PARTS})


def exposure_of(rows: pd.DataFrame, train: np.ndarray, validation: np.ndarray) -> Exposure:
    """Return what a training sees.

    Args:
        rows: of a manifest.
        train, validation: numbers of rows.
    """
    known, parts = row_digests(rows), {}
    for part, numbers in zip(PARTS, (train, validation), strict=True):
        people, apart = known.people[numbers], known.apart[numbers]
        parts[part] = {
            "recordings": _set(known.recordings[numbers]), "people": _set(people[apart]),
            "people_anywhere": _set(people[~apart]), "lines": _set(known.lines[numbers]),
        }  # fmt: skip
    return Exposure(parts)


def from_tensors(tensors: Mapping[str, np.ndarray]) -> Exposure:
    """Return the memory among a model's tensors.

    Raises:
        ValueError: there is none, or something else in its place.
    """
    names = {(part, kind): f"{MEMORY}{part}.{kind}" for part in PARTS for kind in KINDS}
    for name in names.values():
        if name not in tensors or tensors[name].dtype != np.uint64 or tensors[name].ndim != 1:
            raise ValueError(f"the model keeps no {name}")
    return Exposure({part: {kind: np.unique(tensors[names[part, kind]]) for kind in KINDS} for part in PARTS})


def row_digests(rows: pd.DataFrame) -> RowDigests:
    """Return the digests of rows.

    Args:
        rows: of a manifest. Without the column `samples_sha256` a recording is its file, `audio_sha256`.
    """
    family, corpus = _texts(rows, "family"), _texts(rows, "corpus")
    who = _code(_texts(rows, "speaker_id"), corpus, "_")
    said = _texts(rows, "transcription")
    table = {text: sentences.normalised(text) for text in set(said)}
    line = pd.Series([table[text] for text in said], rows.index, dtype=object)
    free = (_column(rows, "lexical_control") == "free") & (line != "")
    sound = _column(rows, "samples_sha256" if "samples_sha256" in rows else "audio_sha256")
    dialogue, turn = _code(_texts(rows, "dialogue_id"), corpus, "_"), _texts(rows, "turn_index")
    words = ("words|" + family + "|" + dialogue + "|" + turn + "|" + who + "|" + line).where(free)
    code = _code(_texts(rows, "utterance_id"), corpus, "/")
    words = words.where(free | sound.notna(), "row|" + family + "|" + code)
    longer = line.where(free & sentences.long_sentences(line))
    return RowDigests(
        np.stack([_digests("sound|" + sound.astype(object)), _digests(words)], axis=1),
        _people(rows), _digests(longer), _apart(rows),
    )  # fmt: skip


def speaker_digests(family: str, corpus: str, speaker_id: str, *, speaker_named: bool = False) -> set[str]:
    """Return keys of who a speaker id names, or may name: two ids that may be of one person have one in common.

    As in `mer.dataset.identity.speakers`, though by an id alone, as digests do not tell what others there are.

    Args:
        speaker_named: whether the study says who it is: then the name as it stands and no other.

    >>> may = lambda one, other: bool(speaker_digests("f", "a", f"a_{one}") & speaker_digests("f", "b", f"b_{other}"))
    >>> may("01", "1"), may("Ann", "ANN;guest"), may("Ann", "Anne"), may("Ann & Bob", "bob")
    (True, True, False, True)
    """
    found = set()
    for name in people.anonymous_code(corpus, speaker_id).split(JOINT_SPEAKERS):
        found.add(f"{family}|={name}")
        for part in () if speaker_named else (name, *speaker_names.name_tokens(name)):
            found |= {f"{family}|~{like}" for like in speaker_names.match_keys(part)}
    return found


def overlap_per_row(known: Exposure, families: Iterable[str], rows: pd.DataFrame) -> pd.Series:
    """Say of each row what of it a model knows: `train`, `validation`, `person`, `line`, or empty.

    A person is known by family and code, and by any recording: whoever has one that a model was trained on is known
    with all others. Where published splits share their people on both sides, only recordings and lines count.

    Args:
        families: that the model has seen.
        rows: a whole manifest, as rows that are excluded tell who somebody is.
    """
    found, own = row_digests(rows), pd.Series("", rows.index, dtype=object)
    known_line = _isin(found.lines, known.digests("lines")) & _same_sentence_source(found, known, set(families), rows)
    own[known_line] = "line"
    of_person = _isin(found.people, known.digests("people")).any(axis=1)
    by_recording = _isin(found.recordings, known.digests("recordings")).any(axis=1)
    anywhere = np.concatenate([known.digests("people_anywhere"), found.people[by_recording].ravel()])
    own[of_person | (_isin(found.people, anywhere).any(axis=1) & found.apart)] = "person"
    for part in reversed(PARTS):
        own[_isin(found.recordings, known.parts[part]["recordings"]).any(axis=1)] = part
    return own.astype("str")


def speakers_in_common(known: Exposure, rows: pd.DataFrame) -> np.ndarray:
    """Return whose people a model knows, where published splits share them, too; bool of shape (rows,)."""
    return _isin(row_digests(rows).people, np.union1d(known.digests("people"), known.digests("people_anywhere"))).any(
        axis=1
    )


def overlap_reasons(known: Exposure, rows: pd.DataFrame) -> str:
    """Return what some rows have in common with what a model has seen, whatever names and families say; or nothing.

    A few longer lines are chance: people repeat themselves.
    """
    if not len(rows):
        return ""
    found = row_digests(rows)
    recordings = int(_isin(found.recordings, known.digests("recordings")).any(axis=1).sum())
    if recordings:
        return f"{recordings:,} of its {len(rows):,} recordings"
    longer, shared = found.lines != NO_DIGEST, _isin(found.lines, known.digests("lines"))
    if _too_many(shared.sum(), longer.sum()):
        return f"{shared.sum():,} of its {longer.sum():,} longer lines"
    return ""


def _same_sentence_source(found: RowDigests, known: Exposure, families: set[str], rows: pd.DataFrame) -> np.ndarray:
    """Which rows are of a corpus whose lines are those of the model's: by family, or because too many of them are."""
    shared, longer = _isin(found.lines, known.digests("lines")), found.lines != NO_DIGEST
    counts = (
        pd.DataFrame({"corpus": rows["corpus"].to_numpy(), "shared": shared, "longer": longer}).groupby("corpus").sum()
    )
    corpora = {name for name, row in counts.iterrows() if _too_many(row["shared"], row["longer"])}
    return (rows["family"].isin(families) | rows["corpus"].isin(corpora)).to_numpy()


def _too_many(shared: int, longer: int) -> bool:
    return shared >= sentences.MIN_SHARED and shared >= sentences.MIN_SHARED_SHARE * longer


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    return rows[name].astype(object) if name in rows else pd.Series(None, rows.index, dtype=object)


def _texts(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column as texts, whatever is in it; empty for null."""
    values = ["" if pd.isna(value) else str(value) for value in _column(rows, name)]
    return pd.Series(values, rows.index, dtype=object)


def _code(names: pd.Series, corpora: pd.Series, mark: str) -> pd.Series:
    """Names in one spelling, without their corpus in front."""
    pairs = list(zip(corpora, names, strict=True))
    table = {(corpus, name): normalised(name.removeprefix(f"{corpus}{mark}")).casefold() for corpus, name in set(pairs)}
    return pd.Series([table[pair] for pair in pairs], names.index, dtype=object)


def _apart(rows: pd.DataFrame) -> np.ndarray:
    """Whether the corpus of each row keeps its people in one part: by folds, or because its published parts do."""
    corpus, who = (pd.factorize(_texts(rows, name))[0] for name in ("corpus", "speaker_id"))
    split = pd.factorize(_column(rows, "split"))[0]
    frame = pd.DataFrame({"corpus": corpus, "who": who, "split": np.where(split < 0, np.nan, split)})
    parted = frame.groupby("corpus")["split"].transform("nunique") > 1
    shared = frame.groupby(["corpus", "who"])["split"].transform("nunique") > 1
    return rows["fold"].notna().to_numpy() | (parted & ~shared.groupby(corpus).transform("any")).to_numpy()


def _people(rows: pd.DataFrame) -> np.ndarray:
    told = _column(rows, "speaker_named").eq(True)
    who = list(zip(_texts(rows, "family"), _texts(rows, "corpus"), _texts(rows, "speaker_id"), told, strict=True))
    table = {one: sorted(speaker_digests(*one[:3], speaker_named=bool(one[3]))) for one in set(who)}
    most = max(map(len, table.values()), default=1)
    padded = {one: _digests(pd.Series([*found, *[None] * (most - len(found))], dtype=object))
              for one, found in table.items()}  # fmt: skip
    return np.stack([padded[one] for one in who]) if who else np.zeros((0, most), np.uint64)


def _digests(texts_: pd.Series) -> np.ndarray:
    """Digests of texts; `NO_DIGEST` for null."""
    codes, names = pd.factorize(texts_.astype(object))
    table = [hashlib.blake2b(str(name).encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names]
    values = np.frombuffer(b"".join(table), "<u8").astype(np.uint64)
    return np.where(codes < 0, NO_DIGEST, values[codes] if len(values) else NO_DIGEST)


def _isin(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.isin(values, known) & (values != NO_DIGEST)


def _set(values: np.ndarray) -> np.ndarray:
    return np.unique(values[values != NO_DIGEST])


def _none() -> np.ndarray:
    return np.zeros(0, np.uint64)
