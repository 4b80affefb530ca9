"""Whisper's encoder on recordings of any length, packed one after the other.

Transformers runs the encoder on 30 s, whatever the length of a recording. Here the frames of all recordings of a batch
lie one after the other in one matrix without padding. Every linear layer is one product of that matrix, and each
recording attends to its own frames only. A recording's result therefore does not depend on the others, apart from the
rounding of sums. The layers are those of transformers, so that hooks on them see their outputs.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from mer.features.pretrained.audio import fast_linear

FRAME_SHIFTS = 2
"""The number of frames of a spectrum per frame of the encoder: its second convolution has this stride."""


def is_whisper(encoder: Any) -> bool:
    """Return whether a network is Whisper's encoder."""
    return type(encoder).__name__ == "WhisperEncoder"


def run(encoder: Any, spectra: Sequence[Any], on_state: Callable[[int, Any], None], last: int) -> None:
    """Run the encoder up to a layer.

    Args:
        encoder: `WhisperEncoder` of transformers. In training, its blocks drop values and are computed again for
            gradients (gradient checkpointing) if the encoder says so, as in transformers. It drops no layers.
        spectra: log-mel spectra of shape (frames, bands), with an even number of frames, at most twice the number of
            the encoder's positions; on the encoder's device and in its precision.
        on_state: called with the number of a layer and its activations, shape (sum of frames / 2, width). Layer 0 is
            before the first block. After the last block, the final normalisation is applied.
        last: the layer after which to stop, from 0 to the number of blocks.
    """
    lengths = [len(spectrum) // FRAME_SHIFTS for spectrum in spectra]
    run_blocks(encoder, _embedded(encoder, spectra, lengths), lengths, on_state, (0, last))


def run_blocks(
    encoder: Any, states: Any, lengths: list[int], on_state: Callable[[int, Any], None], layers: tuple[int, int]
) -> None:
    """Run the encoder from one layer to another.

    Args:
        encoder, on_state: as for `run`.
        states: activations of the first layer, of shape (sum of lengths, width).
        lengths: the number of frames of each recording.
        layers: the layer of `states`, and the layer after which to stop.
    """
    blocks, (first, last) = len(encoder.layers), layers
    on_state(first, encoder.layer_norm(states) if first == blocks else states)
    again = encoder.training and getattr(encoder, "gradient_checkpointing", False)
    for number, block in enumerate(encoder.layers[first:last], first + 1):
        states = _checkpointed(block, states, lengths) if again else _block(block, states, lengths)
        on_state(number, encoder.layer_norm(states) if number == blocks else states)


def _embedded(encoder: Any, spectra: Sequence[Any], lengths: list[int]) -> Any:
    """Return the input of the first block. Both convolutions have a width of 3 and pad with zeros."""
    import torch
    from torch.nn import functional

    states = _convolved(encoder.conv1, spectra)
    states = _convolved(encoder.conv2, functional.gelu(states).split([len(s) for s in spectra]))
    positions = torch.cat([encoder.embed_positions.weight[:length] for length in lengths])
    return functional.gelu(states) + positions


def _convolved(convolution: Any, parts: Sequence[Any]) -> Any:
    """Apply a convolution of width 3 to each part, as one product over all parts.

    In memory, a window of three frames is a row of 3 * width consecutive numbers, so the product needs no copy of
    windows. Two rows of zeros separate parts: each part has an even number of frames, so a stride of 2 begins every
    part at its first frame.

    Args:
        parts: shape (frames, width) each, with an even number of frames.

    Returns:
        shape (sum of frames / stride, width).
    """
    import torch

    [stride], width = convolution.stride, parts[0].shape[1]
    gap = parts[0].new_zeros((2, width))
    packed = torch.cat([gap[:1], *(piece for part in parts for piece in (part, gap))])
    count = (len(packed) - 3) // stride + 1
    windows = packed.as_strided((count, 3 * width), (stride * width, 1))
    product = fast_linear.linear(windows, convolution.weight.transpose(1, 2).flatten(1), convolution.bias)
    starts, pieces = 0, []
    for part in parts:
        pieces.append(product[starts // stride : (starts + len(part)) // stride])
        starts += len(part) + 2
    return torch.cat(pieces)


def _checkpointed(block: Any, states: Any, lengths: list[int]) -> Any:
    from torch.utils.checkpoint import checkpoint

    return checkpoint(_block, block, states, lengths, use_reentrant=False)


def _dropped(block: Any, share: float, states: Any) -> Any:
    from torch.nn import functional

    return functional.dropout(states, share) if block.training and share else states


def _block(block: Any, states: Any, lengths: list[int]) -> Any:
    import torch

    attention = block.self_attn
    normed = block.self_attn_layer_norm(states)
    query, key, value = attention.q_proj(normed), attention.k_proj(normed), attention.v_proj(normed)
    share = attention.dropout if block.training else 0.0
    mixed = attention.out_proj(_attended(query, key, value, lengths, attention.num_heads, share))
    states = states + _dropped(block, block.dropout, mixed)
    normed = block.final_layer_norm(states)
    inner = fast_linear.linear_gelu(block.fc1, block.activation_fn, normed)
    states = states + _dropped(block, block.dropout, block.fc2(_dropped(block, block.activation_dropout, inner)))
    if states.dtype == torch.float16:  # as transformers does: larger values would become infinite
        limit = torch.finfo(states.dtype).max - 1000
        states = states.clamp(-limit, limit)
    return states


def _attended(query: Any, key: Any, value: Any, lengths: list[int], heads: int, dropout: float = 0.0) -> Any:
    """Return the attention of each recording to its own frames; shapes (sum of lengths, width).

    Consecutive recordings of equal length are computed together.
    """
    import torch
    from torch.nn import functional

    results, first = [], 0
    for length, group in groupby(lengths):
        count = len(list(group))
        rows = slice(first, first + count * length)
        q, k, v = (x[rows].view(count, length, heads, -1).transpose(1, 2) for x in (query, key, value))
        # (count, heads, length, width of a head)
        attended = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        results.append(attended.transpose(1, 2).reshape(count * length, -1))
        first = rows.stop
    return torch.cat(results)
