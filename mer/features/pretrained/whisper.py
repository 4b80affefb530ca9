"""Speech recognition with Whisper, for corpora without transcripts (Radford et al. 2023)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mer.features.pretrained import activations, loading, locations, pooling
from mer.media.audio import RATE_HZ

PARAMETER = "transcripts.model"
MAX_SAMPLES = 30 * RATE_HZ
"""The number of samples that Whisper reads at once."""
BATCH_CHUNKS = 8
"""The number of chunks of up to 30 s in a batch."""


def transcribe_whisper(
    clips: Sequence[np.ndarray], model: str, revision: str | None = None, device: str = "cpu"
) -> list[str]:
    """Return the transcript of each clip, by greedy search; Whisper detects the language if the network has several.

    A clip above 30 s is cut into equal chunks, whose transcripts are joined. The result is deterministic and does not
    depend on the other clips, because Whisper pads every chunk to 30 s.

    Args:
        clips: samples at 16 kHz, float32 of shape (n,) each; read one by one.
        model, revision: as in `params.schema.Transcripts`.
        device: the device of the network: cpu, cuda or mps.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
    """
    network, feature_extractor, tokenizer = _open(model, revision)
    network = network.to(device)
    # The language is detected for each clip. Without a task, a network of several languages might translate.
    task = "transcribe" if getattr(network.generation_config, "is_multilingual", False) else None
    cuts = [(n, *cut) for n in range(len(clips)) for cut in pooling.chunks(len(clips[n]), MAX_SAMPLES)]
    texts: list[list[str]] = [[] for _ in clips]
    for first in range(0, len(cuts), BATCH_CHUNKS):
        batch = cuts[first : first + BATCH_CHUNKS]
        waveforms = [np.asarray(clips[n][start:stop], dtype=np.float32) for n, start, stop in batch]
        spectra = feature_extractor(waveforms, sampling_rate=RATE_HZ, return_tensors="pt").input_features
        with activations.full_precision(), loading.without_warnings():
            tokens = network.generate(spectra.to(device), do_sample=False, num_beams=1, task=task)
        for (n, *_), text in zip(batch, tokenizer.batch_decode(tokens, skip_special_tokens=True), strict=True):
            texts[n].append(text.strip())
    return [" ".join(filter(None, chunks)) for chunks in texts]


@lru_cache(maxsize=1)  # `mer.predict` transcribes a user's files segment by segment
def _open(model: str, revision: str | None) -> tuple[Any, Any, Any]:
    """Return the network, its feature extractor and its tokenizer."""
    folder = locations.find(model, revision, PARAMETER)
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    network = loading.network(folder, None, True, PARAMETER)
    if not isinstance(network, WhisperForConditionalGeneration):
        raise loading.WeightMismatch(
            f"{PARAMETER}: {model} is a {type(network).__name__}, and not Whisper with its decoder"
        )
    with loading.load_errors(f"{PARAMETER}: {model}: its feature extractor or tokenizer"):
        feature_extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        return network, feature_extractor, WhisperTokenizer.from_pretrained(folder, local_files_only=True)
