"""Finding the folder of a pretrained network, and the digest of its content."""

from functools import lru_cache
from pathlib import Path

from mer import files
from mer.preflight.networks import VOCABULARIES, WEIGHTS, is_hub_name

SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json",
            "special_tokens_map.json", "added_tokens.json", "merges.txt", "normalizer.json",
            "generation_config.json", *VOCABULARIES)  # fmt: skip
"""Files besides the weights that a network's output depends on."""


class NetworkNotFound(FileNotFoundError):
    """The network is not on this machine; the message names the parameter and says how to get it."""


def find(model: str, revision: str | None, parameter: str) -> Path:
    """Return the folder of a network.

    A network on this machine is used without contacting the hub. Others are downloaded, unless HF_HUB_OFFLINE is set.

    Args:
        model: a folder, relative to the repository, or a name on the hub.
        revision: a commit or tag on the hub.
        parameter: the parameter that messages name, such as `features.audio.model`.

    Raises:
        NetworkNotFound: it is not on this machine and cannot be downloaded.
        ValueError: a folder is given with a revision.
    """
    folder = files.from_root(model)
    if folder.is_dir():
        if revision is not None:
            raise ValueError(f"{parameter}: {model!r} is a folder, which has no revision {revision!r}: leave it out")
        return _complete(folder, model, revision, parameter)
    if not is_hub_name(model):
        raise NetworkNotFound(
            f"{parameter}: there is no folder {files.to_root(folder)}, and {model!r} is no name on the hub"
        )
    from huggingface_hub import constants, errors, snapshot_download

    try:
        folder = Path(snapshot_download(model, revision=revision, local_files_only=True))
    except errors.LocalEntryNotFoundError:
        if constants.is_offline_mode():
            raise NetworkNotFound(_advice(model, revision, parameter, "HF_HUB_OFFLINE is set")) from None
        folder = _fetch(model, revision, parameter)
    return _complete(folder, model, revision, parameter)


def weight_files(folder: Path) -> list[Path]:
    """Return the files from which transformers reads a network's tensors: one, or an index and its shards."""
    for name in WEIGHTS:
        if not (folder / name).is_file():
            continue
        if not name.endswith(".index.json"):
            return [folder / name]
        index = files.read_json(folder / name)
        shards = index.get("weight_map") if isinstance(index, dict) else None
        if not isinstance(shards, dict) or not all(isinstance(s, str) and Path(s).name == s for s in shards.values()):
            raise ValueError(
                f"{files.to_root(folder / name)}: expected `weight_map`, a mapping from tensors to files in this folder"
            )
        return [folder / name, *(folder / shard for shard in sorted(set(shards.values())))]
    return []


def digest(folder: Path, weights: Path | None = None) -> str:
    """Return the SHA-256 of all content of a network's folder that its output depends on; paths do not matter.

    Args:
        weights: a checkpoint that replaces the folder's own tensors.
    """
    settings = [folder / name for name in SETTINGS if (folder / name).is_file()]
    parts = {path.name: _digest_of(path) for path in settings}
    tensors = [weights] if weights else weight_files(folder)
    return files.digest({**parts, "tensors": [_digest_of(path) for path in tensors]})


def checkpoint(weights: str | None, parameter: str) -> Path | None:
    """Return the path of a checkpoint, or None if none is named.

    Raises:
        NetworkNotFound: the file does not exist.
    """
    if weights is None:
        return None
    path = files.from_root(weights)
    if not path.is_file():
        raise NetworkNotFound(f"{parameter}: there is no file {files.to_root(path)}")
    return path


def _digest_of(path: Path) -> str:
    state = path.stat()
    return _digest_of_state(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest_of_state(path: Path, _size: int, _time_ns: int) -> str:
    return files.digest_file(path)


def _complete(folder: Path, model: str, revision: str | None, parameter: str) -> Path:
    if (folder / "config.json").is_file():
        return folder
    if folder == files.from_root(model):
        raise NetworkNotFound(f"{parameter}: the folder {files.to_root(folder)} has no config.json and no network")
    raise NetworkNotFound(_advice(model, revision, parameter, "only a part of it is here"))


def _fetch(model: str, revision: str | None, parameter: str) -> Path:
    """Download settings and weights: as safetensors if the network has them, else as a checkpoint of torch."""
    from huggingface_hub import errors, snapshot_download

    try:
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=[*SETTINGS, "model*.safetensors*"]))
        if not weight_files(folder):
            snapshot_download(model, revision=revision, allow_patterns=["pytorch_model*"])
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise NetworkNotFound(_advice(model, revision, parameter, type(error).__name__)) from None
    return folder


def _advice(model: str, revision: str | None, parameter: str, reason: str) -> str:
    at = f" --revision {revision}" if revision else ""
    return (
        f"{parameter}: {model!r} is neither a folder nor among the models on this machine ({reason}). "
        f"Download it with internet access: hf download {model}{at}"
    )
