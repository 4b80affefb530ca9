"""Reading a network's activations: after one block, after all of them, or from a module by its name."""

import contextlib
import difflib
from collections.abc import Callable, Iterator
from typing import Any

from mer.features.pretrained.loading import WeightMismatch

ALL = "all"
"""The value of `layer` that stands for all blocks."""
ActivationReader = Callable[[dict[str, Any]], list[Any]]
"""A function from a batch's tensors to its activations, one tensor per layer: (batch, frames, width), or (batch, width)
of a module that comes after the network's own pooling."""


def by_name(layer: int | str) -> bool:
    """Return whether a layer is a module's name."""
    return isinstance(layer, str) and layer != ALL


def shape(model: Any, layer: int | str, parameter: str) -> tuple[int, int]:
    """Return the number of layers that are read, and the width of each.

    Raises:
        WeightMismatch: the network has no such layer, or its width is not fixed.
    """
    blocks = body(model).config.num_hidden_layers
    if layer == ALL:
        return blocks + 1, model.config.hidden_size
    if isinstance(layer, int):
        _block_number(layer, blocks, parameter)
        return 1, model.config.hidden_size
    return 1, _width(module(model, layer, parameter), layer, parameter)


def read_activations(model: Any, layer: int | str, parameter: str) -> ActivationReader:
    """Return the function that runs a network and returns its activations.

    The last layer is the network's output, after its final normalisation if it has one.

    Args:
        model: a network of transformers.
        layer: as in the parameters of the extractor `encoder`.
        parameter: the parameter that messages name.
    """
    if by_name(layer):
        return _reader_of_module(model, module(model, layer, parameter))
    inner = body(model)
    blocks = inner.config.num_hidden_layers
    last = layer != ALL and _block_number(layer, blocks, parameter) == blocks

    def run(inputs: dict[str, Any]) -> list[Any]:
        out = inner(**inputs, output_hidden_states=not last)
        if last:
            return [out.last_hidden_state]
        states = [*out.hidden_states[:-1], out.last_hidden_state]
        return states if layer == ALL else [states[_block_number(layer, blocks, parameter)]]

    return run


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute without gradients, and without TF32 in the convolutions of a GPU.

    TF32 has three decimal digits, so a vector would depend on the batch that it is computed in.
    """
    import torch

    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def body(model: Any) -> Any:
    """Return a network without its heads and without its decoder."""
    inner = model.base_model
    return inner.get_encoder() if inner.config.is_encoder_decoder and hasattr(inner, "get_encoder") else inner


def module(model: Any, name: str, parameter: str) -> Any:
    """Return a network's module by its name.

    Raises:
        WeightMismatch: there is no such module; the message lists the nearest names.
    """
    modules = dict(_without_decoder(model).named_modules())
    if name in modules and name:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=5, cutoff=0.3) or [n for n in modules if n and "." not in n]
    raise WeightMismatch(
        f"{parameter}: {type(model).__name__} has no module {name!r}; the nearest are {', '.join(near)}"
    )


def _reader_of_module(model: Any, inner: Any) -> ActivationReader:
    """Run the whole network; a hook keeps the module's output. That of a Linear is taken before any activation."""
    runnable, outputs = _without_decoder(model), []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        outputs.append(output)

    def run(inputs: dict[str, Any]) -> list[Any]:
        handle = inner.register_forward_hook(keep)
        try:
            runnable(**inputs)
            return [outputs[-1]]
        finally:
            handle.remove()
            outputs.clear()

    return run


def _without_decoder(model: Any) -> Any:
    """Return the part that runs on audio or text alone; a decoder needs tokens as well."""
    return model if hasattr(model, "classifier") or not model.config.is_encoder_decoder else body(model)


def _block_number(layer: int | str, blocks: int, parameter: str) -> int:
    if not -blocks - 1 <= layer <= blocks:
        raise WeightMismatch(
            f"{parameter}: {layer}, but the network has blocks 1 to {blocks} (0 is before them, -1 the last)"
        )
    return layer % (blocks + 1)


def _width(inner: Any, name: str, parameter: str) -> int:
    if hasattr(inner, "out_features"):
        return inner.out_features
    if hasattr(inner, "normalized_shape"):
        return inner.normalized_shape[-1]
    examples = [f"{name}.{path}" for path, part in inner.named_modules() if hasattr(part, "out_features")]
    advice = f", such as {', '.join(examples[:3])}" if examples else ""
    raise WeightMismatch(f"{parameter}: {name!r} is a {type(inner).__name__}; name a Linear or LayerNorm{advice}")
