"""Loading a network: every tensor goes to its place, or an error names those that do not fit."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from mer import files

TRAINING_TENSOR = "masked_spec_embed"
"""A tensor that is used in training only and that some public checkpoints lack."""
POOLER_TENSORS = ("pooler.dense.weight", "pooler.dense.bias")
"""Tensors that no hidden state depends on and that checkpoints of language models lack."""
CLASS_TENSORS = ("classifier.out_proj.weight", "classifier.weight")
"""Names of a classifier's last tensor. Its rows are classes; the configuration may state another number of them."""
NESTED_KEYS = ("model_state_dict", "state_dict", "model")
"""Keys under which training scripts store the tensors beside other values."""
MAX_NAMES = 4
"""The number of names that a message lists."""


class WeightMismatch(ValueError):
    """A checkpoint or configuration does not belong to this network; the message says what differs."""


def network(folder: Path, weights: Path | None, published: bool, parameter: str) -> Any:
    """Return a network in evaluation mode, float32, on the CPU.

    Args:
        folder: the folder of its configuration, and of its tensors unless `weights` is given.
        weights: a checkpoint of the network that the configuration names, heads included; loaded strictly.
        published: whether to return it with its heads. With `weights` it always has them.
        parameter: the parameter that messages name.

    Raises:
        WeightMismatch: tensors are missing, unknown or of another shape.
    """
    loaded = _from_weights(folder, weights, parameter) if weights else _from_folder(folder, published, parameter)
    return loaded.eval()


def empty_network(folder: Path, weights: Path | None, published: bool, parameter: str) -> Any:
    """Return the network of `network` without the values of its tensors, to read its structure at little cost."""
    import torch

    architecture = _architecture(folder, parameter) if published or weights else _body_class()
    config = configuration(folder, parameter, read_tensors(weights) if weights else {})
    with load_errors(f"{parameter}: {files.to_root(folder)}/config.json"), torch.device("meta"):
        return architecture.from_config(config) if architecture is _body_class() else architecture(config)


def configuration(folder: Path, parameter: str, tensors: dict[str, Any]) -> Any:
    """Return a network's configuration, with as many classes as the tensors have.

    Raises:
        WeightMismatch: the file is no configuration of transformers.
    """
    from transformers import AutoConfig

    with load_errors(f"{parameter}: {files.to_root(folder)}/config.json"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    for name in CLASS_TENSORS:
        if name in tensors and tensors[name].ndim == 2:
            config.num_labels = tensors[name].shape[0]
            break
    return config


def read_tensors(path: Path) -> dict[str, Any]:
    """Return name -> tensor of a `.safetensors` file or of a torch checkpoint, without running code from it.

    Raises:
        WeightMismatch: the file holds something else.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise WeightMismatch(
            f"{files.to_root(path)}: not readable as a checkpoint of tensors alone ({reason}); if you trust it, "
            "save its state_dict again with safetensors.torch.save_file"
        ) from None
    inner = next((content[key] for key in NESTED_KEYS if key in content), content) if isinstance(content, dict) else ()
    if not isinstance(inner, dict) or not inner or not all(isinstance(v, torch.Tensor) for v in inner.values()):
        raise WeightMismatch(
            f"{files.to_root(path)}: expected a state_dict of names and tensors, and found something else"
        )
    return dict(inner)


@contextlib.contextmanager
def load_errors(description: str) -> Iterator[None]:
    """Turn any exception of transformers, which may be of any type, into one that names the file.

    Raises:
        WeightMismatch: with the description and the reason.
    """
    try:
        with without_warnings():
            yield
    except Exception as error:
        raise WeightMismatch(f"{description} cannot be read as a network's: {error}") from error


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Keep transformers from printing warnings about tensors and progress bars; tensors are checked here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _from_weights(folder: Path, weights: Path, parameter: str) -> Any:
    """Return a network from its configuration and a checkpoint."""
    tensors = read_tensors(weights)
    architecture, config = _architecture(folder, parameter), configuration(folder, parameter, tensors)
    with load_errors(f"{parameter}: {files.to_root(folder)}/config.json"):
        built = architecture(config)
    _load(built, tensors, f"{files.to_root(weights)} does not fit the {architecture.__name__} of {folder.name}")
    return built


def _from_folder(folder: Path, published: bool, parameter: str) -> Any:
    """Return a network from a folder. Missing tensors are refused; transformers would replace them by random ones."""
    import torch

    architecture, place = _architecture(folder, parameter) if published else _body_class(), files.to_root(folder)
    options = {"local_files_only": True, "trust_remote_code": False, "output_loading_info": True}
    with load_errors(f"{parameter}: {place}"):
        loaded, report = architecture.from_pretrained(folder, dtype=torch.float32, **options)
    optional = (TRAINING_TENSOR,) if published else (TRAINING_TENSOR, *POOLER_TENSORS)
    missing = sorted(name for name in report["missing_keys"] if not name.endswith(optional))
    if missing:
        raise WeightMismatch(
            f"{parameter}: the tensors in {place} are not all of a {type(loaded).__name__}: "
            f"there is no {_some(missing)}"
        )
    return loaded


def _body_class() -> Any:
    from transformers import AutoModel

    return AutoModel


def _architecture(folder: Path, parameter: str) -> Any:
    """Return the class that a configuration names, if it is a network of transformers."""
    import transformers

    names = configuration(folder, parameter, {}).architectures or [""]
    architecture = getattr(transformers, names[0], None)
    if not (isinstance(architecture, type) and issubclass(architecture, transformers.PreTrainedModel)):
        raise WeightMismatch(f"{parameter}: {files.to_root(folder)}/config.json: `architectures` is {names[0]!r}, "
                             "which transformers does not have")  # fmt: skip
    return architecture


def _load(network: Any, tensors: dict[str, Any], complaint: str) -> None:
    """Put tensors into a network. No tensor may be left over and none may be missing."""
    state = network.state_dict()
    constants = {name for name, _ in network.named_buffers()} - set(state)  # such as position_ids of old versions
    loaded = {name: tensor for name, tensor in tensors.items() if name not in constants}
    wrong_shapes = [
        f"{name} is {tuple(tensor.shape)} and not {tuple(state[name].shape)}"
        for name, tensor in loaded.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if wrong_shapes:
        raise WeightMismatch(f"{complaint}: {_some(wrong_shapes)}")
    result = network.load_state_dict(loaded, strict=False)  # torch renames weight_g and weight_v of old versions itself
    missing = sorted(name for name in result.missing_keys if not name.endswith(TRAINING_TENSOR))
    unknown = sorted(result.unexpected_keys)
    problems = [f"no {_some(missing)}" if missing else "", f"unknown {_some(unknown)}" if unknown else ""]
    if any(problems):
        raise WeightMismatch(f"{complaint}: {'; '.join(filter(None, problems))}")


def _some(names: list[str]) -> str:
    rest = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")
