"""Whisper as a recogniser of speech, for corpora that come without words (Radford et al. 2023)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mer.features.pretrained import activations, loading, locations, pooling
from mer.media.audio import RATE_HZ

PARAMETER = "transcripts.model"
LONGEST = 30 * RATE_HZ
"""samples that Whisper hears at once"""
BATCH = 8
"""parts of 30 s"""


def transcribe_whisper(
    clips: Sequence[np.ndarray], model: str, revision: str | None = None, device: str = "cpu"
) -> list[str]:
    """Return the words of each clip: the likeliest token at every step; the language is heard where it is open.

    A clip above 30 s is cut into equal parts, and their words are joined. No chance is involved, and a clip's words do
    not depend on the others: Whisper hears 30 s whatever the length.

    Args:
        clips: samples at 16 kHz, float32 of shape (n,) each; asked for one by one.
        model, revision: as in `params.schema.Transcripts`.

    Raises:
        Missing, Unfit: of `mer.features.pretrained`.
    """
    network, prepare, tokenizer = _open(model, revision)
    network = network.to(device)
    # Which language is heard, clip by clip; without a task, a network of many languages might translate.
    task = "transcribe" if getattr(network.generation_config, "is_multilingual", False) else None
    cuts = [(n, *cut) for n in range(len(clips)) for cut in pooling.parts(len(clips[n]), LONGEST)]
    words: list[list[str]] = [[] for _ in clips]
    for first in range(0, len(cuts), BATCH):
        batch = cuts[first : first + BATCH]
        sounds = [np.asarray(clips[n][start:stop], dtype=np.float32) for n, start, stop in batch]
        heard = prepare(sounds, sampling_rate=RATE_HZ, return_tensors="pt").input_features
        with activations.exact(), loading.quiet():
            told = network.generate(heard.to(device), do_sample=False, num_beams=1, task=task)
        texts = tokenizer.batch_decode(told, skip_special_tokens=True)
        for (n, *_), text in zip(batch, texts, strict=True):
            words[n].append(text.strip())
    return [" ".join(filter(None, parts)) for parts in words]


@lru_cache(maxsize=1)  # one's own files are heard stretch by stretch
def _open(model: str, revision: str | None) -> tuple[Any, Any, Any]:
    """The network, what makes its input from sound, and what makes words from its output."""
    folder = locations.find(model, revision, PARAMETER)
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    network = loading.network(folder, None, True, PARAMETER)
    if not isinstance(network, WhisperForConditionalGeneration):
        raise loading.Unfit(f"{PARAMETER}: {model} is a {type(network).__name__}, and not Whisper with its decoder")
    with loading.reading(f"{PARAMETER}: {model}: its feature extractor or tokenizer"):
        prepare = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        return network, prepare, WhisperTokenizer.from_pretrained(folder, local_files_only=True)
