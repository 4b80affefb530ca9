"""Readers of foreign bytes. Each either returns or raises the errors that callers expect; anything else is a defect."""

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mer import files, foreign, params, sealed
from mer.corpora import parsers, selected
from mer.corpora.download.source import DownloadError, Unpack
from mer.corpora.download.transfer.archives import unpack
from mer.corpora.own import tables
from mer.corpora.reading.files import decode, table
from mer.dataset.audit.tables import foreign_tables
from mer.dataset.audit.tables.column_names import TableError
from mer.media import Unreadable, audio, video
from mer.params.schema import Corpus
from mer.predict.inputs import requests, subtitles
from mer.preflight import networks
from mer.runner import StudyError
from mer.runner.compare.run_folders import _Run
from mer.shards import DamagedShard, Shards
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import CheckpointError

MAX_BLOCKS = 20
"""The number of blocks of a recording that are read. A small file may hold hours of silence."""


def parameters(folder: Path, data: bytes) -> None:
    path = written(folder, "x.yaml", data)
    with contextlib.suppress(params.ParamsError):
        params.load(path)


def yaml(folder: Path, data: bytes) -> None:
    with contextlib.suppress(foreign.Malformed):
        foreign.load_yaml(data.decode("utf-8", "replace"))


def json(folder: Path, data: bytes) -> None:
    with contextlib.suppress(foreign.Malformed):
        foreign.load_json(data.decode("utf-8", "replace"))


def text(folder: Path, data: bytes) -> None:
    assert isinstance(decode(data), str)
    list(table(folder, written(folder, "list.csv", data), ()))


def own_table(folder: Path, data: bytes) -> None:
    written(folder, "mine/my.csv", data)
    corpus = selected({"mine": Corpus(table="mine/my.csv")})["mine"]
    list(parsers.parse(corpus, folder, folder / "mine"))


def json_lines(folder: Path, data: bytes) -> None:
    list(tables.rows(folder, written(folder, "my.jsonl", data)))


def database(folder: Path, data: bytes) -> None:
    """An audformat header and, after a zero byte, its table."""
    header, _, cells = data.partition(b"\0\0\0")
    written(folder, "db.files.csv", cells)
    list(tables.rows(folder, written(folder, "db.yaml", header)))


def audit_table(folder: Path, data: bytes) -> None:
    for suffix in ("csv", "parquet", "jsonl"):
        with contextlib.suppress(TableError):
            foreign_tables.load(foreign_tables.sources(written(folder, f"t.{suffix}", data), []), {})


def cues(folder: Path, data: bytes) -> None:
    with contextlib.suppress(ValueError):
        subtitles.parse(data.decode("utf-8", "replace"))


def lists(folder: Path, data: bytes) -> None:
    for name in ("a.txt", "a.csv", "a.tsv"):
        with contextlib.suppress(ValueError):
            requests.collect_requests([], [written(folder, name, data)])


def recording(folder: Path, data: bytes, suffix: str = "wav") -> None:
    path = written(folder, f"a.{suffix}", data)
    with contextlib.suppress(Unreadable):
        audio.header(path)
        audio.read_mono(path, max_seconds=2.0)
    with contextlib.suppress(Unreadable):
        for _, block in zip(range(MAX_BLOCKS), audio.blocks(path), strict=False):
            assert np.isfinite(block).all()


def container(folder: Path, data: bytes) -> None:
    recording(folder, data, "mp4")
    path = folder / "a.mp4"
    video.has_video(path)
    with contextlib.suppress(Unreadable):
        for _, frame in zip(range(MAX_BLOCKS), video.frames(path, max_seconds=2.0), strict=False):
            assert frame.ndim == 3


def card(folder: Path, data: bytes) -> None:
    """A card beside the tensors of the seed."""
    written(folder, "model/model.json", data)
    with contextlib.suppress(CheckpointError):
        checkpoint.load(folder / "model")


def tensors(folder: Path, data: bytes) -> None:
    """Tensors beside the card of the seed, which is made to name their digest."""
    path = written(folder, "model/model.safetensors", data)
    networks.tensor_names(folder, path)
    card_of_seed = files.read_json(folder / "model/model.json")
    files.write_json(folder / "model/model.json", card_of_seed | {"tensors_sha256": files.digest_file(path)})
    with contextlib.suppress(CheckpointError):
        checkpoint.load(folder / "model")


def configuration(folder: Path, data: bytes) -> None:
    """A folder of Hugging Face, as the checks before a run read it."""
    written(folder, "network/config.json", data)
    written(folder, "network/model.safetensors.index.json", data)
    networks.block_count(folder / "network")
    networks.tensor_names(folder / "network", None)


def archive(folder: Path, data: bytes) -> None:
    for name in ("a.zip", "a.tar", "a.tar.gz"):
        limits = Unpack(limit=10**6, files=100)
        with contextlib.suppress(DownloadError):
            unpack(written(folder, name, data), folder / f"out-{name}", limits)


def store(folder: Path, data: bytes) -> None:
    path = written(folder, "a.parquet", data)
    with contextlib.suppress(OSError, ValueError):
        sealed.read_table(path, "a.parquet")
    shards = Shards(folder, "mfcc", {"extractor": "mfcc"}, {})
    written(folder, f"{shards.folder.name}/a.parquet", data)
    written(folder, f"{shards.folder.name}/a.npy", data)
    with contextlib.suppress(DamagedShard):
        shards.missing(["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shards.repair(["a"])


def run_folder(folder: Path, data: bytes) -> None:
    """Parameters and a stamp of a run folder, as `--compare` reads them."""
    written(folder, "run/params.yaml", data)
    written(folder, "run/stamps/01_a.json", data)
    with contextlib.suppress(StudyError):
        _Run(folder / "run")


TARGETS: dict[str, Callable[[Path, bytes], None]] = {
    function.__name__: function
    for function in (parameters, yaml, json, text, own_table, json_lines, database, audit_table, cues, lists, recording,
                     container, card, tensors, configuration, archive, store, run_folder)
}  # fmt: skip
"""Name of a target -> its function of a folder for files and of the bytes."""


def written(folder: Path, name: str, data: bytes) -> Path:
    """Write bytes to a file below a folder and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
