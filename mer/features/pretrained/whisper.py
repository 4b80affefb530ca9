"""Speech recognition with Whisper, for corpora without transcripts (Radford et al. 2023)."""

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from mer import files
from mer.features.pretrained import activations, loading, locations, whisper_search
from mer.features.pretrained.audio import whisper_encoder
from mer.features.pretrained.audio.log_mel import log_mel
from mer.media.audio import RATE_HZ
from mer.media.speech_recognition import Transcript

PARAMETER = "transcripts.model"
MAX_SAMPLES = 30 * RATE_HZ
"""The number of samples that Whisper reads at once."""
BATCH_CHUNKS = 8
"""The number of chunks of up to 30 s in a batch. Chunks of like length share one."""
FRAME_SAMPLES, PAUSE_FRAMES = RATE_HZ // 50, 15
"""The number of samples of a frame, 20 ms, and the number of frames over which power is summed to find a pause."""
SILENCE = -1.0
"""With `context: clip`, the value of a spectrum without sound, as the feature extractor scales it. A recording has such
a floor at 2 below its own maximum."""
TOKENS_PER_SECOND, MIN_TOKENS = 20, 20
"""The largest number of tokens of a chunk: `MIN_TOKENS`, and `TOKENS_PER_SECOND` for each second. Fast English has six
tokens per second; a text that does not end within its limit repeats itself."""
MAX_COMPRESSION = 2.4
"""A text that zlib makes more than 2.4 times shorter repeats itself [Radford et al. 2023, section 4.5]. It has no words
if it is also longer than half of its limit: speakers may repeat a sentence, but not faster than people speak."""
NO_SPEECH, MIN_LOG_PROBABILITY = 0.6, -1.0
"""A chunk has no words if the probability of no speech is above the first and the mean log-probability of its tokens
below the second [Radford et al. 2023, section 4.5]."""
CERTAINLY_NO_SPEECH = 0.8
"""A chunk has no words either if the probability of no speech is above this: of silence and noise Whisper writes "you",
and is sure of it."""
_ANNOTATION = re.compile(r"\[[^\]]*\]|\([^)]*\)|[♪♫]")

Context = Literal["clip", "full"]


def transcribe_whisper(
    clips: Sequence[np.ndarray], model: str, revision: str | None = None, device: str = "cpu", context: Context = "full"
) -> list[Transcript]:
    """Return the transcript of each clip, by greedy search.

    A clip above 30 s is cut into chunks at its quietest points, so that no word is split if speakers pause. The
    transcripts of chunks are joined; the language is that of the first chunk with words. The result is deterministic.
    It does not depend on the other clips, because nothing is padded to the length of another clip.

    A network of several languages detects the language, and transcribes in it. A chunk in which the network hears no
    speech, or whose text repeats itself, has no words. Annotations such as `[BLANK_AUDIO]` are no words either.

    Args:
        clips: samples at 16 kHz, float32 of shape (n,) each; read one by one.
        model, revision: as in `params.schema.Transcripts`.
        device: the device of the network: cpu, cuda or mps.
        context: what the encoder reads: `full` is 30 s, padded with silence, as Whisper was trained; `clip` is the clip
            alone. The rest of the 30 s is then the network's own encoding of silence, which is computed once: without
            it, the decoder does not find the end of most clips.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
    """
    recogniser = _open(model, revision, device)
    cuts = [(n, *cut) for n in range(len(clips)) for cut in _cuts(clips[n])]
    order = sorted(range(len(cuts)), key=lambda i: cuts[i][1] - cuts[i][2])  # the longest first
    chunks: list[list[tuple[int, whisper_search.Hypothesis]]] = [[] for _ in clips]
    for first in range(0, len(order), BATCH_CHUNKS):
        batch = [cuts[i] for i in order[first : first + BATCH_CHUNKS]]
        waveforms = [np.asarray(clips[n][start:stop], dtype=np.float32) for n, start, stop in batch]
        for (n, start, _), hypothesis in zip(batch, recogniser.run(waveforms, context), strict=True):
            chunks[n].append((start, hypothesis))
    return [recogniser.transcript([one for _, one in sorted(c, key=lambda pair: pair[0])]) for c in chunks]


def whisper_languages(model: str, revision: str | None = None) -> tuple[str, ...] | None:
    """Return the languages that a network knows: `("en",)` for an English-only one, None for one that detects them.

    Only the network's settings are read.

    Raises:
        NetworkNotFound: of `mer.features.pretrained`.
    """
    path = locations.find(model, revision, PARAMETER) / "generation_config.json"
    settings = files.read_json(path) if path.is_file() else {}
    return None if settings.get("is_multilingual") else ("en",)


@dataclass(frozen=True)
class _Recogniser:
    """Whisper with its feature extractor and its tokenizer.

    Attributes:
        silence: what the decoder reads of 30 s of silence, as from `keys_and_values`; empty until it is needed.
    """

    network: Any
    feature_extractor: Any
    tokenizer: Any
    tokens: whisper_search.Tokens
    silence: list

    def run(self, waveforms: list[np.ndarray], context: Context) -> list[whisper_search.Hypothesis]:
        """Return the most probable transcript of each chunk."""
        import torch

        positions = self.network.config.max_source_positions
        samples = whisper_encoder.FRAME_SHIFTS * self.feature_extractor.hop_length  # per frame of the encoder
        held = [min(positions, max(1, math.ceil(len(one) / samples))) for one in waveforms]
        lengths = held if context == "clip" else [positions] * len(held)
        waveforms = [one if len(one) else np.zeros(1, np.float32) for one in waveforms]
        limits = [min(self.tokens.longest, _max_tokens(len(one))) for one in waveforms]
        with activations.full_precision():
            spectra = log_mel(waveforms, self.feature_extractor, [whisper_encoder.FRAME_SHIFTS * n for n in lengths])
            own = self._read([spectrum.to(self.network.device) for spectrum in spectra])
            rest = own if context == "full" else self._silence()
            audio = [tuple(torch.stack([torch.cat([one, silent[0][:, one.shape[1] :]], dim=1) for one in part])
                           for part, silent in zip(layer, fill, strict=True))
                     for layer, fill in zip(own, rest, strict=True)]  # fmt: skip
            return whisper_search.search(self.network, audio, self.tokens, limits)

    def _read(self, spectra: list) -> list:
        """Return what the decoder reads of spectra, (frames, bands) each."""
        states: list[Any] = []
        encoder = self.network.model.encoder
        keep_last = lambda number, state: states.append(state) if number == len(encoder.layers) else None  # noqa: E731
        whisper_encoder.run(encoder, spectra, keep_last, len(encoder.layers))
        return whisper_search.keys_and_values(
            self.network, states[0].split([len(one) // whisper_encoder.FRAME_SHIFTS for one in spectra])
        )

    def _silence(self) -> list:
        import torch

        if not self.silence:
            frames = whisper_encoder.FRAME_SHIFTS * self.network.config.max_source_positions
            shape = (frames, self.feature_extractor.feature_size)
            self.silence.extend(self._read([torch.full(shape, SILENCE, device=self.network.device)]))
        return self.silence

    def transcript(self, chunks: list[whisper_search.Hypothesis]) -> Transcript:
        """Return the transcript of a clip from those of its chunks."""
        texts = [self._words(chunk) for chunk in chunks]
        first = next((chunk for chunk, text in zip(chunks, texts, strict=True) if text), chunks[0])
        return Transcript(" ".join(filter(None, texts)), first.language, first.language_probability)

    def _words(self, hypothesis: whisper_search.Hypothesis) -> str:
        """Return the words of a chunk; empty if there are none to trust."""
        unsure = hypothesis.mean_log_probability < MIN_LOG_PROBABILITY
        if hypothesis.no_speech > (NO_SPEECH if unsure else CERTAINLY_NO_SPEECH):
            return ""
        text = _ANNOTATION.sub(" ", self.tokenizer.decode(hypothesis.tokens, skip_special_tokens=True))
        words = " ".join(text.split())
        loops = 2 * len(hypothesis.tokens) > hypothesis.limit and _compression(words) > MAX_COMPRESSION
        return words if hypothesis.finished and not loops and any(map(str.isalnum, words)) else ""


@lru_cache(maxsize=1)  # `mer.predict` transcribes a user's files segment by segment
def _open(model: str, revision: str | None, device: str) -> _Recogniser:
    """Return the network with its feature extractor and its tokenizer."""
    folder = locations.find(model, revision, PARAMETER)
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    network = loading.network(folder, None, True, PARAMETER)
    if not isinstance(network, WhisperForConditionalGeneration):
        raise loading.WeightMismatch(
            f"{PARAMETER}: {model} is a {type(network).__name__}, and not Whisper with its decoder"
        )
    with loading.load_errors(f"{PARAMETER}: {model}: its feature extractor or tokenizer"):
        feature_extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        tokenizer = WhisperTokenizer.from_pretrained(folder, local_files_only=True)
    tokens = whisper_search.special_tokens(network, tokenizer)
    return _Recogniser(network.to(device), feature_extractor, tokenizer, tokens, [])


def _cuts(samples: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, stop) of chunks of at most 30 s. Each ends at the quietest point of the second half of 30 s."""
    edges = [0]
    while len(samples) - edges[-1] > MAX_SAMPLES:
        earliest = edges[-1] + MAX_SAMPLES // 2
        edges.append(earliest + _quietest(samples[earliest : edges[-1] + MAX_SAMPLES]))
    return list(pairwise([*edges, len(samples)]))


def _quietest(samples: np.ndarray) -> int:
    """Return the middle of the quietest `PAUSE_FRAMES`.

    >>> _quietest(np.r_[np.ones(16_000), np.zeros(8_000), np.ones(16_000)])
    18400
    """
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64)
    power = np.convolve((frames**2).mean(axis=1), np.ones(PAUSE_FRAMES), mode="valid")
    return int(power.argmin()) * FRAME_SAMPLES + PAUSE_FRAMES * FRAME_SAMPLES // 2


def _max_tokens(samples: int) -> int:
    return MIN_TOKENS + math.ceil(TOKENS_PER_SECOND * samples / RATE_HZ)


def _compression(text: str) -> float:
    """Return how many times shorter zlib makes a text.

    >>> _compression("no, no, no!") < 1, _compression("I am going. " * 20) > 2.4
    (True, True)
    """
    data = text.encode()
    return len(data) / len(zlib.compress(data))
