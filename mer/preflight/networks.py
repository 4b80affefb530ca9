"""Pretrained networks on this machine: their folders, the cache of the Hugging Face hub, and their layers."""

import json
import os
import pickletools
import re
import socket
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mer import files

HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
"""The pattern of a name on the Hugging Face hub, such as `microsoft/wavlm-base`."""
NO_OWNERS = ("models", "datasets", "spaces", "outputs", "data")
"""First parts of paths that no owner on the hub has, so that a name which begins with one is a folder."""
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Files of tensors, in the order in which transformers searches for them."""
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "spm.model",
                "tokenizer.model")  # fmt: skip
"""Files of which a tokenizer needs one; without any, transformers would make an empty tokenizer."""
BLOCK_COUNTS = ("encoder_layers", "num_hidden_layers", "n_layers", "n_layer", "num_layers")
"""Names of the number of blocks in configurations; an encoder's number comes before that of a whole network."""
STATE_WIDTHS = ("hidden_size", "d_model")
"""Names of the width of a network's activations in configurations."""
CONNECTION_SECONDS = 3.0
"""The time in which the hub must answer, in seconds."""
MAX_HEADER_BYTES = 64 * 2**20
"""The largest header of a `.safetensors` file, or list of names of a torch checkpoint, in bytes; a larger one means a
damaged file."""


def network_problems(model: str, revision: str | None, needs: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    """Yield what is missing of a network; nothing if it is complete or can be downloaded.

    Args:
        model: a folder, relative to the repository, or a name on the hub.
        revision: a commit or tag on the hub.
        needs: groups of files, of each of which the network needs one.
    """
    folder = network_folder(model, revision)
    if folder is None:
        yield from _absent_problems(model, revision)
        return
    if revision is not None and files.from_root(model).is_dir():
        yield f"{model!r} is a folder, which has no revision {revision!r}; leave the revision out"
    for group in (("config.json",), *needs):
        if not any((folder / name).is_file() for name in group):
            yield f"{files.to_root(folder)} has no {' or '.join(group)}; {_download(model, revision)}"


def network_folder(model: str, revision: str | None = None) -> Path | None:
    """Return the folder of a network on this machine; None if there is none."""
    folder = files.from_root(model)
    if folder.is_dir():
        return folder
    if not is_hub_name(model):
        return None
    repository = _hub_cache() / f"models--{model.replace('/', '--')}"
    try:
        commit = (repository / "refs" / (revision or "main")).read_text(encoding="utf-8").strip()
    except OSError:
        commit = revision or ""
    snapshot = repository / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def offline() -> bool:
    """Return whether the environment forbids downloads from the hub."""
    values = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value.upper() in ("1", "ON", "YES", "TRUE") for value in values)


def is_downloaded_later(model: str, revision: str | None) -> bool:
    """Return whether a network is not on this machine and step 02 will download it."""
    return network_folder(model, revision) is None and is_hub_name(model) and not offline()


def hub_is_reachable() -> bool:
    """Return whether the hub answers; true behind a proxy, because then it is not tried."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        with socket.create_connection((address.hostname, port), timeout=CONNECTION_SECONDS):
            return True
    except OSError:
        return False


def block_count(folder: Path) -> int | None:
    """Return the number of blocks that a network's configuration states; None if it states none."""
    return _stated(folder, BLOCK_COUNTS)


def state_width(folder: Path) -> int | None:
    """Return the width of activations that a network's configuration states; None if it states none."""
    return _stated(folder, STATE_WIDTHS)


def _stated(folder: Path, names: Sequence[str]) -> int | None:
    """Return the first integer of some names in a configuration."""
    try:
        config = files.read_json(folder / "config.json")
    except (OSError, ValueError):
        return None
    values = (config.get(name) for name in names) if isinstance(config, dict) else ()
    return next((value for value in values if isinstance(value, int)), None)


def tensor_names(folder: Path, weights: Path | None) -> list[str]:
    """Return the names of a network's tensors without reading tensors or running code; none if that is impossible.

    Args:
        folder: the folder of the network.
        weights: a checkpoint that replaces the tensors of the folder.
    """
    try:
        for path in [weights] if weights is not None else [folder / name for name in WEIGHTS]:
            if path.is_file():
                return _names_in(path)
    except (OSError, ValueError, KeyError, TypeError, struct.error, zipfile.BadZipFile):  # step 02 names the damage
        pass
    return []


def _names_in(path: Path) -> list[str]:
    if path.name.endswith(".index.json"):
        return list(files.read_json(path)["weight_map"])
    return _header_names(path) if path.suffix == ".safetensors" else _checkpoint_names(path)


def _checkpoint_names(path: Path) -> list[str]:
    """Return the texts in the list of a torch checkpoint, among which are the names of its tensors.

    The list is a pickle in a zip file. It is split into its instructions, and none of them is carried out. Checkpoints
    of torch before 1.6 are no zip files, and have no names here.
    """
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        entry = next((item for item in archive.infolist() if item.filename.endswith("data.pkl")), None)
        if entry is None or entry.file_size > MAX_HEADER_BYTES:
            raise ValueError(f"{path}: not a checkpoint of tensors")
        content = archive.read(entry)
    return [value for instruction, value, _ in pickletools.genops(content) if "UNICODE" in instruction.name]


def _header_names(path: Path) -> list[str]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > MAX_HEADER_BYTES:
            raise ValueError(f"{path}: not a safetensors file")
        return [name for name in json.loads(file.read(size)) if name != "__metadata__"]


def _absent_problems(model: str, revision: str | None) -> Iterator[str]:
    folder = files.to_root(files.from_root(model))
    if not is_hub_name(model):
        yield f"the folder {folder} does not exist; put the network there, or give a name on the Hugging Face hub"
    elif offline():
        reason = "is not on this machine, and HF_HUB_OFFLINE is set; with internet access"
        yield f"{model!r} {reason}: {command(model, revision)}"


def _download(model: str, revision: str | None) -> str:
    if files.from_root(model).is_dir():
        return "copy the network there again"
    return f"download it again: {command(model, revision)}"


def command(model: str, revision: str | None) -> str:
    """Return the command that downloads a network."""
    return f"hf download {model}" + (f" --revision {revision}" if revision else "")


def is_hub_name(model: str) -> bool:
    """Return whether a model is a name on the hub, and not the path of a folder.

    >>> [is_hub_name(model) for model in ("roberta-base", "microsoft/wavlm-base", "models/roberta", "a/b/c")]
    [True, True, False, False]
    """
    return HUB.fullmatch(model) is not None and model.partition("/")[0] not in NO_OWNERS


def _hub_cache() -> Path:
    """Return the folder in which huggingface_hub stores networks, which its documentation lets users move."""
    environment = os.environ
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(name):
            return Path(environment[name]).expanduser()
    cache = Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(environment.get("HF_HOME") or cache / "huggingface").expanduser() / "hub"
