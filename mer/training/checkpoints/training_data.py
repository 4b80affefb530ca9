"""The exposure of a model: digests of 8 bytes of the recordings, speakers and long sentences in its training data.

A recording is identified by its decoded samples (`samples_sha256` of the manifest), a row without them by family,
dialogue, turn, speaker and text. A speaker is identified within a family; names that may mean one speaker count as one.
A sentence counts if a speaker has chosen it freely and it has at least five words.

The digests are stored in the file of the weights, together with those of the initial checkpoints.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.dataset.identity import sentences, speaker_names
from mer.dataset.identity import speakers as speaker_ids
from mer.training.checkpoints.older_formats import upgraded_tensors

VERSION = 1
"""The version of the digests. It is raised whenever the same row would have other digests."""
PREFIX = "exposure."
"""The names of tensors that hold digests of the training data begin with this."""
PARTS = ("train", "validation")
"""The parts of a split that a model is exposed to. A row overlaps with one of them if its recording is in it."""
SPEAKER, SENTENCE = "speaker", "sentence"
"""The overlaps of rows whose recording is in no part, and whose speaker or long sentence is."""
KINDS = ("recordings", "speakers", "speakers_any_split", "sentences")
"""The kinds of digests. `speakers` are of corpora whose parts share no speakers, `speakers_any_split` of published
splits, whose parts may share them."""
NO_DIGEST = np.uint64(0)
"""This value stands in place of a digest if a row has no such thing."""


@dataclass(frozen=True)
class RowDigests:
    """Digests of a manifest's rows.

    Attributes:
        recordings: uint64 of shape (rows, 2): by samples and by text; `NO_DIGEST` if a row has none.
        speakers: uint64 of shape (rows, most): keys of who is or may be speaking; padded with `NO_DIGEST`.
        sentences: uint64 of shape (rows,).
        separate: whether the row's corpus keeps each of its speakers in one part; bool of shape (rows,).
    """

    recordings: np.ndarray
    speakers: np.ndarray
    sentences: np.ndarray
    separate: np.ndarray


@dataclass(frozen=True, eq=False)
class Exposure:
    """Part -> kind -> digests, uint64, ascending."""

    parts: Mapping[str, Mapping[str, np.ndarray]]

    def digests(self, kind: str) -> np.ndarray:
        """Return the digests of a kind, of all parts."""
        return reduce(np.union1d, (kinds[kind] for kinds in self.parts.values()), _none())

    def counts(self) -> dict[str, int]:
        """Return the numbers of digests, as they stand in a card."""
        speakers = np.union1d(self.digests("speakers"), self.digests("speakers_any_split"))
        counts = {
            "recordings": len(self.digests("recordings")),
            "speakers": len(speakers),
            "sentences": len(self.digests("sentences")),
        }
        return {"version": VERSION, **counts}

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the tensors that are stored beside a model's weights."""
        return {f"{PREFIX}{part}.{kind}": self.parts[part][kind] for part in PARTS for kind in KINDS}

    def merged(self, other: "Exposure") -> "Exposure":
        """Return the exposure of two models together."""
        return Exposure({p: {k: np.union1d(self.parts[p][k], other.parts[p][k]) for k in KINDS} for p in PARTS})


def exposure_of(rows: pd.DataFrame, train: np.ndarray, validation: np.ndarray) -> Exposure:
    """Return the exposure of a training.

    Args:
        rows: of a manifest.
        train, validation: numbers of rows.
    """
    digests, parts = row_digests(rows), {}
    for part, numbers in zip(PARTS, (train, validation), strict=True):
        speakers, separate = digests.speakers[numbers], digests.separate[numbers]
        parts[part] = {
            "recordings": _set(digests.recordings[numbers]), "speakers": _set(speakers[separate]),
            "speakers_any_split": _set(speakers[~separate]), "sentences": _set(digests.sentences[numbers]),
        }  # fmt: skip
    return Exposure(parts)


def from_tensors(tensors: Mapping[str, np.ndarray]) -> Exposure:
    """Return the exposure among a model's tensors, whatever format they have.

    Raises:
        ValueError: a tensor is missing or of another type.
    """
    tensors = upgraded_tensors(tensors)
    names = {(part, kind): f"{PREFIX}{part}.{kind}" for part in PARTS for kind in KINDS}
    for name in names.values():
        if name not in tensors or tensors[name].dtype != np.uint64 or tensors[name].ndim != 1:
            raise ValueError(f"the model has no tensor {name}")
    return Exposure({part: {kind: np.unique(tensors[names[part, kind]]) for kind in KINDS} for part in PARTS})


def row_digests(rows: pd.DataFrame) -> RowDigests:
    """Return the digests of rows.

    Args:
        rows: of a manifest. Without the column `samples_sha256` a recording is its file, `audio_sha256`.
    """
    family, corpus = _texts(rows, "family"), _texts(rows, "corpus")
    speaker = _code(_texts(rows, "speaker_id"), corpus, "_")
    transcripts = _texts(rows, "transcription")
    table = {text: sentences.normalised(text) for text in set(transcripts)}
    sentence = pd.Series([table[text] for text in transcripts], rows.index, dtype=object)
    free = (_column(rows, "lexical_control") == "free") & (sentence != "")
    samples = _column(rows, "samples_sha256" if "samples_sha256" in rows else "audio_sha256")
    dialogue, turn = _code(_texts(rows, "dialogue_id"), corpus, "_"), _texts(rows, "turn_index")
    words = ("words|" + family + "|" + dialogue + "|" + turn + "|" + speaker + "|" + sentence).where(free)
    code = _code(_texts(rows, "utterance_id"), corpus, "/")
    words = words.where(free | samples.notna(), "row|" + family + "|" + code)
    long_ones = sentence.where(free & sentences.long_sentences(sentence))
    return RowDigests(
        np.stack([_digests("sound|" + samples.astype(object)), _digests(words)], axis=1),
        _speakers(rows), _digests(long_ones), _separate(rows),
    )  # fmt: skip


def speaker_digests(family: str, corpus: str, speaker_id: str, *, speaker_named: bool = False) -> set[str]:
    """Return keys of the speakers that an id may mean: two ids that may mean one speaker have a key in common.

    The rules are those of `mer.dataset.identity.speakers`, applied to each id alone, because digests do not reveal the
    other ids.

    Args:
        speaker_named: whether the study states who the speaker is; then only the name as it stands counts.

    >>> may = lambda one, other: bool(speaker_digests("f", "a", f"a_{one}") & speaker_digests("f", "b", f"b_{other}"))
    >>> may("01", "1"), may("Ann", "ANN;guest"), may("Ann", "Anne"), may("Ann & Bob", "bob")
    (True, True, False, True)
    """
    keys = set()
    for name in speaker_ids.anonymous_code(corpus, speaker_id).split(JOINT_SPEAKERS):
        keys.add(f"{family}|={name}")
        for part in () if speaker_named else (name, *speaker_names.name_tokens(name)):
            keys |= {f"{family}|~{like}" for like in speaker_names.match_keys(part)}
    return keys


def overlap_per_row(known: Exposure, families: Iterable[str], rows: pd.DataFrame) -> pd.Series:
    """Return the overlap of each row with the training data: `train`, `validation`, `speaker`, `sentence` or empty.

    `train` and `validation` mean that the recording is in that part of the training data. A speaker is recognised by
    family and id, and by recordings: all rows of a speaker overlap if one recording of that speaker does. If the parts
    of a published split share speakers, only recordings and sentences count.

    Args:
        known: the exposure of the model.
        families: the families in the training data.
        rows: a whole manifest, because excluded rows may identify speakers.
    """
    digests, overlap = row_digests(rows), pd.Series("", rows.index, dtype=object)
    known_sentence = _isin(digests.sentences, known.digests("sentences"))
    overlap[known_sentence & _same_sentence_source(digests, known, set(families), rows)] = SENTENCE
    of_speaker = _isin(digests.speakers, known.digests("speakers")).any(axis=1)
    by_recording = _isin(digests.recordings, known.digests("recordings")).any(axis=1)
    any_split = np.concatenate([known.digests("speakers_any_split"), digests.speakers[by_recording].ravel()])
    of_speaker |= _isin(digests.speakers, any_split).any(axis=1) & digests.separate
    overlap[of_speaker] = SPEAKER
    for part in reversed(PARTS):
        overlap[_isin(digests.recordings, known.parts[part]["recordings"]).any(axis=1)] = part
    return overlap.astype("str")


def speakers_in_common(known: Exposure, rows: pd.DataFrame) -> np.ndarray:
    """Return which rows are of speakers in a model's training data, whatever the split; bool of shape (rows,)."""
    speakers = np.union1d(known.digests("speakers"), known.digests("speakers_any_split"))
    return _isin(row_digests(rows).speakers, speakers).any(axis=1)


def overlap_reasons(known: Exposure, rows: pd.DataFrame) -> str:
    """Return what some rows have in common with a model's training data, whatever names and families say; or nothing.

    A few long sentences in common are chance.
    """
    if not len(rows):
        return ""
    digests = row_digests(rows)
    recordings = int(_isin(digests.recordings, known.digests("recordings")).any(axis=1).sum())
    if recordings:
        return f"{recordings:,} of its {len(rows):,} recordings"
    is_long, shared = digests.sentences != NO_DIGEST, _isin(digests.sentences, known.digests("sentences"))
    if _too_many(shared.sum(), is_long.sum()):
        return f"{shared.sum():,} of its {is_long.sum():,} longer sentences"
    return ""


def _same_sentence_source(digests: RowDigests, known: Exposure, families: set[str], rows: pd.DataFrame) -> np.ndarray:
    """Which rows are of a corpus whose sentences are those of the model: by family, or because too many are shared."""
    shared, is_long = _isin(digests.sentences, known.digests("sentences")), digests.sentences != NO_DIGEST
    counts = pd.DataFrame({"corpus": rows["corpus"].to_numpy(), "shared": shared, "long": is_long})
    counts = counts.groupby("corpus").sum()
    corpora = {name for name, row in counts.iterrows() if _too_many(row["shared"], row["long"])}
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


def _separate(rows: pd.DataFrame) -> np.ndarray:
    """Whether the corpus of each row keeps every speaker in one part: by folds, or because its published parts do."""
    corpus, who = (pd.factorize(_texts(rows, name))[0] for name in ("corpus", "speaker_id"))
    split = pd.factorize(_column(rows, "split"))[0]
    frame = pd.DataFrame({"corpus": corpus, "who": who, "split": np.where(split < 0, np.nan, split)})
    parted = frame.groupby("corpus")["split"].transform("nunique") > 1
    shared = frame.groupby(["corpus", "who"])["split"].transform("nunique") > 1
    return rows["fold"].notna().to_numpy() | (parted & ~shared.groupby(corpus).transform("any")).to_numpy()


def _speakers(rows: pd.DataFrame) -> np.ndarray:
    named = _column(rows, "speaker_named").eq(True)
    who = list(zip(_texts(rows, "family"), _texts(rows, "corpus"), _texts(rows, "speaker_id"), named, strict=True))
    table = {one: sorted(speaker_digests(*one[:3], speaker_named=bool(one[3]))) for one in set(who)}
    most = max(map(len, table.values()), default=1)
    padded = {one: _digests(pd.Series([*keys, *[None] * (most - len(keys))], dtype=object))
              for one, keys in table.items()}  # fmt: skip
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
