"""What training changes at random: the segment of a recording, its speed, noise, and masks of time and channels."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mer.media.augmentation import alterations
from mer.params.systems import EncoderTraining

SPEEDS = (0.9, 1.1)
"""The range of speeds."""
NOISE_DB = (10.0, 30.0)
"""The range of the level of a recording over that of the noise, in dB."""


def segment(clip: np.ndarray, longest: int, training: EncoderTraining, random: np.random.Generator) -> np.ndarray:
    """Return a random segment of a recording, perhaps faster, slower or with noise.

    Args:
        clip: samples, float32 of shape (n,).
        longest: the largest number of samples of the result.
    """
    speed = random.uniform(*SPEEDS) if random.random() < training.speed else 1.0
    length = min(len(clip), max(1, int(longest * speed)))
    start = int(random.integers(len(clip) - length + 1))
    samples = np.asarray(clip[start : start + length], np.float32)
    if speed != 1.0:
        samples = alterations.sped(samples, speed)[:longest]
    if random.random() < training.noise:
        decibels = random.uniform(*NOISE_DB)
        samples = alterations.mixed(samples, random.normal(size=len(samples)), decibels).astype(np.float32)
    return samples


def spans(count: int, share: float, span: int, random: np.random.Generator) -> np.ndarray:
    """Return which of `count` places are hidden, in spans that may overlap; bool of shape (count,).

    The number of spans is `share * count / span`, rounded up or down at random, so that about `share` of the places are
    hidden (Park et al. 2019, arXiv:1904.08779, with the number of spans of Baevski et al. 2020, arXiv:2006.11477).

    >>> int(spans(100, 0.2, 10, np.random.default_rng(0)).sum()) <= 20
    True
    """
    hidden, span = np.zeros(count, bool), min(span, count)
    for start in random.integers(count - span + 1, size=int(share * count / span + random.random())):
        hidden[start : start + span] = True
    return hidden


@contextlib.contextmanager
def mask(
    network: Any, body: nn.Module, training: EncoderTraining, randoms: Sequence[np.random.Generator]
) -> Iterator[None]:
    """Hide spans of time and of channels from an encoder, for one batch.

    Of Whisper, spans of the spectrum take the spectrum's mean. Of wav2vec 2.0 and its like, frames of the convolutions'
    output take the learned vector of a hidden frame.

    Args:
        network: the audio network.
        body: the network of transformers.
        randoms: of each recording of the batch.

    Raises:
        ValueError: the network has neither.
    """
    if not (training.mask_time or training.mask_channels):
        yield
        return
    if hasattr(network, "augment"):
        left = iter(randoms)
        network.augment = lambda spectrum: _masked(spectrum, training, next(left), spectrum.mean())
        try:
            yield
        finally:
            network.augment = None
        return
    if not hasattr(body, "feature_projection"):
        raise ValueError(f"training.encoders: {type(body).__name__} cannot be trained with mask_time or mask_channels")
    change = lambda *call: _masked_frames(call[-1], body, training, randoms)  # noqa: E731
    hook = body.feature_projection.register_forward_hook(change)
    try:
        yield
    finally:
        hook.remove()


def _masked_frames(
    output: Any, body: nn.Module, training: EncoderTraining, randoms: Sequence[np.random.Generator]
) -> Any:
    """Mask the first of a projection's outputs, shape (batch, frames, channels)."""
    states = output[0] if isinstance(output, tuple) else output
    fill = getattr(body, "masked_spec_embed", None)
    fill = torch.zeros((), device=states.device) if fill is None else fill.to(states.dtype)
    masked = torch.stack([_masked(s, training, r, fill) for s, r in zip(states, randoms, strict=True)])
    return (masked, *output[1:]) if isinstance(output, tuple) else masked


def _masked(states: Tensor, training: EncoderTraining, random: np.random.Generator, fill: Tensor) -> Tensor:
    """Mask a recording's frames, shape (frames, channels)."""
    times = spans(len(states), training.mask_time, training.mask_span, random)
    channels = spans(states.shape[1], training.mask_channels, max(1, states.shape[1] // 10), random)
    times, channels = (torch.as_tensor(hidden, device=states.device) for hidden in (times, channels))
    states = torch.where(times[:, None], fill, states)
    return states.masked_fill(channels[None], 0.0)
