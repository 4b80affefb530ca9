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


def with_all_layers(section: Any) -> Any:
    """Return the parameters of an encoder's input with all layers, unless it reads a module by its name or keeps
    frames, which would take much space.

    Args:
        section: parameters of an input, of which `layer` is one.
    """
    single = by_name(section.layer) or getattr(section, "keep", "vector") == "frames"
    return section if single else section.model_copy(update={"layer": ALL})


def layer_entries(model: Any, layer: int | str) -> dict[str, int]:
    """Return what the specification of vectors says about layers: how many they hold, or are stored with them."""
    if by_name(layer):
        return {}
    return {"layers" if layer == ALL else "stored_layers": body(model).config.num_hidden_layers + 1}


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


def layer_numbers(model: Any, layer: int | str, parameter: str) -> list[int]:
    """Return the numbers of the layers that are read, from 0 (before the first block) to the number of blocks.

    Raises:
        WeightMismatch: the network has no such layer.
    """
    blocks = body(model).config.num_hidden_layers
    return list(range(blocks + 1)) if layer == ALL else [_block_number(layer, blocks, parameter)]


def read_activations(model: Any, layer: int | str, parameter: str) -> ActivationReader:
    """Return the function that runs a network and returns its activations. Blocks above the layer do not run.

    The last layer is the network's output, after its final normalisation if it has one.

    Args:
        model: a network of transformers.
        layer: as in the parameters of the extractor `encoder`.
        parameter: the parameter that messages name.
    """
    if by_name(layer):
        return reader_of_module(model, layer, parameter)
    inner, numbers = body(model), layer_numbers(model, layer, parameter)
    stages = blocks_of(inner)
    if stages is None or numbers[-1] == inner.config.num_hidden_layers:
        return _reader_of_output(inner, layer == ALL)
    return _reader_of_block(inner, stages, numbers[0])


def blocks_of(inner: Any) -> Any | None:
    """Return the list of a network's blocks, which is the largest list of as many modules; None without such a list."""
    from torch import nn

    count = inner.config.num_hidden_layers
    lists = [m for m in inner.modules() if isinstance(m, nn.ModuleList) and len(m) == count]
    return max(lists, key=lambda m: sum(p.numel() for p in m.parameters()), default=None)


def _reader_of_output(inner: Any, every: bool) -> ActivationReader:
    """Run the whole network, and read its output, or all its layers."""

    def run(inputs: dict[str, Any]) -> list[Any]:
        out = inner(**inputs, output_hidden_states=every)
        return [*out.hidden_states[:-1], out.last_hidden_state] if every else [out.last_hidden_state]

    return run


class _LayerReached(Exception):
    """The network has computed the layer that is read."""


def _reader_of_block(inner: Any, stages: Any, number: int) -> ActivationReader:
    """Run a network as far as the input of one of its blocks, which is the output of the block before."""
    states: list[Any] = []

    def keep(_block: Any, inputs: tuple, options: dict[str, Any]) -> None:
        states.append(inputs[0] if inputs else options["hidden_states"])
        raise _LayerReached

    def run(inputs: dict[str, Any]) -> list[Any]:
        handle = stages[number].register_forward_pre_hook(keep, with_kwargs=True)
        try:
            inner(**inputs)
        except _LayerReached:
            return [states.pop()]
        finally:
            handle.remove()
        raise RuntimeError(f"{type(inner).__name__} did not run its block {number}")

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


def reader_of_module(model: Any, name: str, parameter: str) -> ActivationReader:
    """Return the function that runs the whole network and returns the output of one of its modules.

    The output of a Linear is taken before any activation.

    Raises:
        WeightMismatch: there is no such module.
    """
    runnable, inner = _without_decoder(model), module(model, name, parameter)
    return lambda inputs: [output_of(inner, lambda: runnable(**inputs))]


def output_of(inner: Any, run: Callable[[], object]) -> Any:
    """Return the last output of a module while a function runs."""
    outputs: list[Any] = []
    handle = inner.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        run()
    finally:
        handle.remove()
    return outputs[-1]


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
