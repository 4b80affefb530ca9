"""Loading a network: every tensor where it belongs, or an error that names those that are not."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from mer import files

INERT = "masked_spec_embed"
"""a tensor for training only, which some public checkpoints lack"""
POOLER = ("pooler.dense.weight", "pooler.dense.bias")
"""tensors that no hidden state depends on, and that checkpoints of language models lack"""
CLASSES = ("classifier.out_proj.weight", "classifier.weight")
"""the last tensor of a classifier, whose rows are classes: there may be others than the configuration says"""
INNER = ("model_state_dict", "state_dict", "model")
"""where training scripts put the tensors among other things"""
SHOWN = 4


class Unfit(ValueError):
    """A checkpoint or configuration that is not the one of this network; the message says what differs."""


def network(folder: Path, weights: Path | None, published: bool, parameter: str) -> Any:
    """Return a network in evaluation mode, float32, on the CPU.

    Args:
        folder: of its configuration, and of its tensors unless `weights` is given.
        weights: a checkpoint of the network as its configuration names it, heads included; loaded strictly.
        published: return it with its heads. With `weights` it always has them.

    Raises:
        Unfit: tensors are missing, too many or of another shape.
    """
    made = _fitted(folder, weights, parameter) if weights else _saved(folder, published, parameter)
    return made.eval()


def outline(folder: Path, weights: Path | None, published: bool, parameter: str) -> Any:
    """Return the network of `network` without its tensors: what it is made of costs nothing to see."""
    import torch

    kind = _architecture(folder, parameter) if published or weights else _body_class()
    config = configuration(folder, parameter, read_tensors(weights) if weights else {})
    with reading(f"{parameter}: {files.to_root(folder)}/config.json"), torch.device("meta"):
        return kind.from_config(config) if kind is _body_class() else kind(config)


def configuration(folder: Path, parameter: str, tensors: dict[str, Any]) -> Any:
    """Return a network's configuration, with as many classes as the tensors have.

    Raises:
        Unfit: it is none of transformers'.
    """
    from transformers import AutoConfig

    with reading(f"{parameter}: {files.to_root(folder)}/config.json"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    for name in CLASSES:
        if name in tensors and tensors[name].ndim == 2:
            config.num_labels = tensors[name].shape[0]
            break
    return config


def read_tensors(path: Path) -> dict[str, Any]:
    """Return name -> tensor of a `.safetensors` file or of a torch checkpoint, read without running what is in it.

    Raises:
        Unfit: it holds something else.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise Unfit(
            f"{files.to_root(path)}: not readable as a checkpoint of tensors alone ({reason}); where you trust it, "
            "save its state_dict again with safetensors.torch.save_file"
        ) from None
    inner = next((found[name] for name in INNER if name in found), found) if isinstance(found, dict) else found
    if not isinstance(inner, dict) or not inner or not all(isinstance(v, torch.Tensor) for v in inner.values()):
        raise Unfit(f"{files.to_root(path)}: expected a state_dict, names and tensors, and found something else")
    return dict(inner)


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Let transformers read a file of others, and say of which it was where that fails: it may raise anything.

    Raises:
        Unfit: with the reason.
    """
    try:
        with quiet():
            yield
    except Exception as error:
        raise Unfit(f"{what} cannot be read as a network's: {error}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from telling about tensors and showing bars: what matters of it is checked here."""
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


def _fitted(folder: Path, weights: Path, parameter: str) -> Any:
    """A network from its configuration and a checkpoint."""
    tensors = read_tensors(weights)
    kind, config = _architecture(folder, parameter), configuration(folder, parameter, tensors)
    with reading(f"{parameter}: {files.to_root(folder)}/config.json"):
        made = kind(config)
    _fit(made, tensors, f"{files.to_root(weights)} does not fit the {kind.__name__} of {folder.name}")
    return made


def _saved(folder: Path, published: bool, parameter: str) -> Any:
    """A network from a folder, where no tensor that matters may be missing: transformers would make it up."""
    import torch

    kind, place = _architecture(folder, parameter) if published else _body_class(), files.to_root(folder)
    options = {"local_files_only": True, "trust_remote_code": False, "output_loading_info": True}
    with reading(f"{parameter}: {place}"):
        made, report = kind.from_pretrained(folder, dtype=torch.float32, **options)
    spare = (INERT,) if published else (INERT, *POOLER)
    lost = sorted(name for name in report["missing_keys"] if not name.endswith(spare))
    if lost:
        raise Unfit(
            f"{parameter}: the tensors in {place} are not all of a {type(made).__name__}: there is no {_some(lost)}"
        )
    return made


def _body_class() -> Any:
    from transformers import AutoModel

    return AutoModel


def _architecture(folder: Path, parameter: str) -> Any:
    """The class that a configuration says the network is, among those of transformers and no others."""
    import transformers

    names = configuration(folder, parameter, {}).architectures or [""]
    kind = getattr(transformers, names[0], None)
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise Unfit(f"{parameter}: {files.to_root(folder)}/config.json: `architectures` is {names[0]!r}, "
                    "which transformers does not have")  # fmt: skip
    return kind


def _fit(made: Any, tensors: dict[str, Any], complaint: str) -> None:
    """Put tensors into a network, all of them into all of it."""
    own = made.state_dict()
    constants = {name for name, _ in made.named_buffers()} - set(own)  # such as position_ids, saved by older versions
    given = {name: tensor for name, tensor in tensors.items() if name not in constants}
    other = [
        f"{name} is {tuple(tensor.shape)} and not {tuple(own[name].shape)}"
        for name, tensor in given.items()
        if name in own and own[name].shape != tensor.shape
    ]
    if other:
        raise Unfit(f"{complaint}: {_some(other)}")
    result = made.load_state_dict(given, strict=False)  # torch renames the weight_g and weight_v of old by itself
    lost = sorted(name for name in result.missing_keys if not name.endswith(INERT))
    extra = sorted(result.unexpected_keys)
    problems = [f"no {_some(lost)}" if lost else "", f"unknown {_some(extra)}" if extra else ""]
    if any(problems):
        raise Unfit(f"{complaint}: {'; '.join(filter(None, problems))}")


def _some(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
