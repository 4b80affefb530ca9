"""Where a network's activations are taken: after a block, after each, or from a module by its name."""

import contextlib
import difflib
from collections.abc import Callable, Iterator
from typing import Any

from mer.features.pretrained.loading import Unfit

ALL = "all"
Tap = Callable[[dict[str, Any]], list[Any]]
"""a batch's tensors -> the activations, one tensor per layer: (batch, frames, width), or (batch, width) of a module
that comes after the network's own pooling"""


def by_name(layer: int | str) -> bool:
    """Return whether a layer is a module's name."""
    return isinstance(layer, str) and layer != ALL


def shape(model: Any, layer: int | str, parameter: str) -> tuple[int, int]:
    """Return how many layers are taken, and the width of each.

    Raises:
        Unfit: there is no such layer, or its width is not fixed.
    """
    blocks = body(model).config.num_hidden_layers
    if layer == ALL:
        return blocks + 1, model.config.hidden_size
    if isinstance(layer, int):
        _number(layer, blocks, parameter)
        return 1, model.config.hidden_size
    return 1, _width(module(model, layer, parameter), layer, parameter)


def tap(model: Any, layer: int | str, parameter: str) -> Tap:
    """Return the function that runs a network and takes its activations; layers as in `params.schema.AudioFeatures`.

    The last one is what the network gives out, after the normalisation that some have there.
    """
    if by_name(layer):
        return _named(model, module(model, layer, parameter))
    inner = body(model)
    blocks = inner.config.num_hidden_layers
    last = layer != ALL and _number(layer, blocks, parameter) == blocks

    def run(inputs: dict[str, Any]) -> list[Any]:
        out = inner(**inputs, output_hidden_states=not last)
        if last:
            return [out.last_hidden_state]
        states = [*out.hidden_states[:-1], out.last_hidden_state]
        return states if layer == ALL else [states[_number(layer, blocks, parameter)]]

    return run


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Compute without gradients, and on a GPU without the shortened numbers that torch takes for convolutions.

    Those have three decimal digits, which would make a vector depend on the batch that it is computed in.
    """
    import torch

    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def body(model: Any) -> Any:
    """Return a network without heads and, where it has one, without decoder."""
    inner = model.base_model
    return inner.get_encoder() if inner.config.is_encoder_decoder and hasattr(inner, "get_encoder") else inner


def module(model: Any, name: str, parameter: str) -> Any:
    """Return a network's module by its name.

    Raises:
        Unfit: there is none; the nearest names are in the message.
    """
    named = dict(_runnable(model).named_modules())
    if name in named and name:
        return named[name]
    near = difflib.get_close_matches(name, named, n=5, cutoff=0.3) or [n for n in named if n and "." not in n]
    raise Unfit(f"{parameter}: {type(model).__name__} has no module {name!r}; the nearest are {', '.join(near)}")


def _named(model: Any, place: Any) -> Tap:
    """The network runs as a whole, and a hook keeps what the module gives: of a Linear, before any activation."""
    runs, kept = _runnable(model), []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        kept.append(output)

    def run(inputs: dict[str, Any]) -> list[Any]:
        handle = place.register_forward_hook(keep)
        try:
            runs(**inputs)
            return [kept[-1]]
        finally:
            handle.remove()
            kept.clear()

    return run


def _runnable(model: Any) -> Any:
    """What gives something for sound or text alone: not a decoder, which waits for words."""
    return model if hasattr(model, "classifier") or not model.config.is_encoder_decoder else body(model)


def _number(layer: int | str, blocks: int, parameter: str) -> int:
    if not -blocks - 1 <= layer <= blocks:
        raise Unfit(f"{parameter}: {layer}, and the network has blocks 1 to {blocks} (0 is before them, -1 the last)")
    return layer % (blocks + 1)


def _width(place: Any, name: str, parameter: str) -> int:
    if hasattr(place, "out_features"):
        return place.out_features
    if hasattr(place, "normalized_shape"):
        return place.normalized_shape[-1]
    inside = [f"{name}.{inner}" for inner, part in place.named_modules() if hasattr(part, "out_features")]
    where = f", such as {', '.join(inside[:3])}" if inside else ""
    raise Unfit(f"{parameter}: {name!r} is a {type(place).__name__}; name a Linear or LayerNorm{where}")
