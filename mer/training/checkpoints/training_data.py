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
NOTHING = np.uint64(0)
"""stands in place of a digest where a row has no such thing"""


@dataclass(frozen=True)
class Keys:
    """Digests of a manifest's rows.

    Attributes:
        recordings: uint64 of shape (rows, 2): by sound and by words; `NOTHING` where a row has none.
        people: uint64 of shape (rows, most): keys of who is or may be speaking; `NOTHING` where there are fewer.
        lines: uint64 of shape (rows,).
        apart: whether the row's corpus keeps each of its people in one part; bool of shape (rows,).
    """

    recordings: np.ndarray
    people: np.ndarray
    lines: np.ndarray
    apart: np.ndarray


@dataclass(frozen=True, eq=False)
class Memory:
    """Part -> kind -> digests, uint64, ascending."""

    parts: Mapping[str, Mapping[str, np.ndarray]]

    def of(self, kind: str) -> np.ndarray:
        """Return the digests of a kind, of all parts."""
        return reduce(np.union1d, (kinds[kind] for kinds in self.parts.values()), _none())

    def counts(self) -> dict[str, int]:
        """Return how much is remembered, as a card tells it."""
        people = np.union1d(self.of("people"), self.of("people_anywhere"))
        counts = {"recordings": len(self.of("recordings")), "people": len(people), "lines": len(self.of("lines"))}
        return {"version": VERSION, **counts}

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what is written beside a model's weights."""
        return {f"{MEMORY}{part}.{kind}": self.parts[part][kind] for part in PARTS for kind in KINDS}

    def with_(self, other: "Memory") -> "Memory":
        """Return what two models have seen together."""
        return Memory({p: {k: np.union1d(self.parts[p][k], other.parts[p][k]) for k in KINDS} for p in PARTS})


def memory(rows: pd.DataFrame, train: np.ndarray, validation: np.ndarray) -> Memory:
    """Return what a training sees.

    Args:
        rows: of a manifest.
        train, validation: numbers of rows.
    """
    known, parts = keys(rows), {}
    for part, numbers in zip(PARTS, (train, validation), strict=True):
        people, apart = known.people[numbers], known.apart[numbers]
        parts[part] = {
            "recordings": _set(known.recordings[numbers]), "people": _set(people[apart]),
            "people_anywhere": _set(people[~apart]), "lines": _set(known.lines[numbers]),
        }  # fmt: skip
    return Memory(parts)


def from_tensors(tensors: Mapping[str, np.ndarray]) -> Memory:
    """Return the memory among a model's tensors.

    Raises:
        ValueError: there is none, or something else in its place.
    """
    names = {(part, kind): f"{MEMORY}{part}.{kind}" for part in PARTS for kind in KINDS}
    for name in names.values():
        if name not in tensors or tensors[name].dtype != np.uint64 or tensors[name].ndim != 1:
            raise ValueError(f"the model keeps no {name}")
    return Memory({part: {kind: np.unique(tensors[names[part, kind]]) for kind in KINDS} for part in PARTS})


def keys(rows: pd.DataFrame) -> Keys:
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
    return Keys(
        np.stack([_digests("sound|" + sound.astype(object)), _digests(words)], axis=1),
        _people(rows), _digests(longer), _apart(rows),
    )  # fmt: skip


def person_keys(family: str, corpus: str, speaker_id: str, *, told: bool = False) -> set[str]:
    """Return keys of who a speaker id names, or may name: two ids that may be of one person have one in common.

    As in `mer.dataset.identity.speakers`, though by an id alone, as digests do not tell what others there are.

    Args:
        told: whether the study says who it is: then the name as it stands and no other.

    >>> may = lambda one, other: bool(person_keys("f", "a", f"a_{one}") & person_keys("f", "b", f"b_{other}"))
    >>> may("01", "1"), may("Ann", "ANN;guest"), may("Ann", "Anne"), may("Ann & Bob", "bob")
    (True, True, False, True)
    """
    found = set()
    for name in people.anonymous_code(corpus, speaker_id).split(JOINT_SPEAKERS):
        found.add(f"{family}|={name}")
        for part in () if told else (name, *speaker_names.name_tokens(name)):
            found |= {f"{family}|~{like}" for like in speaker_names.match_keys(part)}
    return found


def seen(known: Memory, families: Iterable[str], rows: pd.DataFrame) -> pd.Series:
    """Say of each row what of it a model knows: `train`, `validation`, `person`, `line`, or empty.

    A person is known by family and code, and by any recording: whoever has one that a model was trained on is known
    with all others. Where published splits share their people on both sides, only recordings and lines count.

    Args:
        families: that the model has seen.
        rows: a whole manifest, as rows that are excluded tell who somebody is.
    """
    found, own = keys(rows), pd.Series("", rows.index, dtype=object)
    known_line = _isin(found.lines, known.of("lines")) & _akin(found, known, set(families), rows)
    own[known_line] = "line"
    of_person = _isin(found.people, known.of("people")).any(axis=1)
    by_recording = _isin(found.recordings, known.of("recordings")).any(axis=1)
    anywhere = np.concatenate([known.of("people_anywhere"), found.people[by_recording].ravel()])
    own[of_person | (_isin(found.people, anywhere).any(axis=1) & found.apart)] = "person"
    for part in reversed(PARTS):
        own[_isin(found.recordings, known.parts[part]["recordings"]).any(axis=1)] = part
    return own.astype("str")


def heard(known: Memory, rows: pd.DataFrame) -> np.ndarray:
    """Return whose people a model knows, where published splits share them, too; bool of shape (rows,)."""
    return _isin(keys(rows).people, np.union1d(known.of("people"), known.of("people_anywhere"))).any(axis=1)


def meeting(known: Memory, rows: pd.DataFrame) -> str:
    """Return what some rows have in common with what a model has seen, whatever names and families say; or nothing.

    A few longer lines are chance: people repeat themselves.
    """
    if not len(rows):
        return ""
    found = keys(rows)
    recordings = int(_isin(found.recordings, known.of("recordings")).any(axis=1).sum())
    if recordings:
        return f"{recordings:,} of its {len(rows):,} recordings"
    longer, shared = found.lines != NOTHING, _isin(found.lines, known.of("lines"))
    if _many(shared.sum(), longer.sum()):
        return f"{shared.sum():,} of its {longer.sum():,} longer lines"
    return ""


def _akin(found: Keys, known: Memory, families: set[str], rows: pd.DataFrame) -> np.ndarray:
    """Which rows are of a corpus whose lines are those of the model's: by family, or because too many of them are."""
    shared, longer = _isin(found.lines, known.of("lines")), found.lines != NOTHING
    counts = (
        pd.DataFrame({"corpus": rows["corpus"].to_numpy(), "shared": shared, "longer": longer}).groupby("corpus").sum()
    )
    corpora = {name for name, row in counts.iterrows() if _many(row["shared"], row["longer"])}
    return (rows["family"].isin(families) | rows["corpus"].isin(corpora)).to_numpy()


def _many(shared: int, longer: int) -> bool:
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
    table = {one: sorted(person_keys(*one[:3], told=bool(one[3]))) for one in set(who)}
    most = max(map(len, table.values()), default=1)
    padded = {one: _digests(pd.Series([*found, *[None] * (most - len(found))], dtype=object))
              for one, found in table.items()}  # fmt: skip
    return np.stack([padded[one] for one in who]) if who else np.zeros((0, most), np.uint64)


def _digests(texts_: pd.Series) -> np.ndarray:
    """Digests of texts; `NOTHING` for null."""
    codes, names = pd.factorize(texts_.astype(object))
    table = [hashlib.blake2b(str(name).encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names]
    values = np.frombuffer(b"".join(table), "<u8").astype(np.uint64)
    return np.where(codes < 0, NOTHING, values[codes] if len(values) else NOTHING)


def _isin(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.isin(values, known) & (values != NOTHING)


def _set(values: np.ndarray) -> np.ndarray:
    return np.unique(values[values != NOTHING])


def _none() -> np.ndarray:
    return np.zeros(0, np.uint64)
