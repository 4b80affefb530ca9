"""Measure the speed of audio encoders beside transformers' own calls and CTranslate2, and the effect of `context`.

    python -m benchmarks.encoders RAW --whisper FOLDER [--clips 60] [--threads 2] [--packages SITE_PACKAGES]
    python -m benchmarks.encoders RAW --waves [--clips 60] [--threads 2]

RAW is a folder of corpora like `data/raw`. FOLDER is a Whisper in transformers' layout. The clips are a sample of the
five corpora of `benchmarks.functionals`, evenly spaced in order of duration. Every rival gets the same decoded clips
and returns the mean vector of each clip's last layer, in the same process with the same number of threads. The rivals
take turns in each repeat. Times are wall-clock times and processor times per clip, the median of the repeats; on a busy
machine only the processor times compare.

- `clip`, `full`: `mer`, with both values of `context`.
- `transformers`: its feature extractor and its encoder on 30 s, in batches of 8, in order of the files.
- `ctranslate2 …`: the engine of faster-whisper, on 30 s as it is used there, and on each clip's own length. It
  gets the spectra of `mer`, whose time is counted. It is no dependency of `mer`: install it elsewhere, and pass the
  folder of its packages.

`share` is the share of the arithmetic peak: the counted operations of the encoder divided by time and by the operations
per second of a product of two large matrices, measured in the same process. With `--waves`, networks in the size of the
published base models, with random weights, are compared with a loop over padded batches of 8 in order of the files.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformers
from threadpoolctl import threadpool_limits

from benchmarks.functionals import dataset
from mer.features import Resources
from mer.features.audio import encoder
from mer.features.pretrained.audio import fast_linear
from mer.features.pretrained.audio.log_mel import log_mel
from mer.media.audio import RATE_HZ, read_mono
from mer.params.schema import AudioFeatures

BATCH = 8
"""The number of clips in a batch of a rival."""
SHIFT, POSITIONS = 320, 1500
"""The samples per frame of Whisper's encoder, and its number of frames."""
WAVES = {
    "wav2vec2": ("Wav2Vec2", {}),
    "hubert, layer norm": ("Hubert", {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}),
    "wavlm": ("WavLM", {}),
    "data2vec": ("Data2VecAudio", {}),
}
"""Networks that read samples: transformers' name and options besides those of the base size."""

Rival = Callable[[list[np.ndarray]], list[np.ndarray]]


def sample(raw: Path, clips: int) -> list[np.ndarray]:
    """Return decoded clips, evenly spaced in order of duration, in the order of the files."""
    manifest = dataset(raw)
    order = np.argsort(manifest["duration"].to_numpy(), kind="stable")
    picked = np.sort(order[np.linspace(0, len(order) - 1, min(clips, len(order))).round().astype(int)])
    return [read_mono(raw / path) for path in manifest["source_path"].iloc[picked]]


def peak() -> float:
    """Return the operations per second of a product of two large matrices, by the faster of PyTorch's two libraries."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    products = [torch.nn.functional.linear, *([fast_linear.linear] if fast_linear.available() else [])]
    fastest = min(_seconds(lambda f=f: f(a, b, None))[0] for f in products for _ in range(10))
    return 2 * 2048**3 / fastest


def of_mer(folder: Path, **options: Any) -> Rival:
    """Return `mer`'s extractor of a network's last layer."""
    section = AudioFeatures(extractor="encoder", model=str(folder), **options)
    return encoder.open_extractor(section, Resources())


def of_transformers_whisper(folder: Path) -> Rival:
    """Return transformers' own call, with the mean over the frames that hold audio."""
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    network = transformers.WhisperModel.from_pretrained(folder, dtype=torch.float32).eval().encoder

    def run(clips: list[np.ndarray]) -> list[np.ndarray]:
        means = []
        for first in range(0, len(clips), BATCH):
            some = clips[first : first + BATCH]
            with torch.inference_mode():
                states = network(**prepare(some, sampling_rate=RATE_HZ, return_tensors="pt")).last_hidden_state
            means += [state[: frames(clip)].mean(0).numpy() for state, clip in zip(states, some, strict=True)]
        return means

    return run


def of_ctranslate2(folder: Path, place: Path, kind: str, threads: int, *, own_length: bool) -> Rival:
    """Return CTranslate2's encoder.

    Args:
        place: a folder for the converted network.
        kind: the type of its numbers: float32 or int8.
        own_length: whether each clip is run by itself on its own length instead of on 30 s.
    """
    import ctranslate2

    if not place.exists():
        ctranslate2.converters.TransformersConverter(str(folder)).convert(str(place), quantization="float32")
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    network = ctranslate2.models.Whisper(str(place), compute_type=kind, inter_threads=1, intra_threads=threads)

    def run(clips: list[np.ndarray]) -> list[np.ndarray]:
        means, size = [], 1 if own_length else BATCH
        for first in range(0, len(clips), size):
            some = clips[first : first + size]
            lengths = [2 * (frames(clip) if own_length else POSITIONS) for clip in some]
            spectra = np.stack([s.T.numpy() for s in log_mel(some, prepare, lengths)])
            view = ctranslate2.StorageView.from_array(np.ascontiguousarray(spectra))
            states = np.array(network.encode(view, to_cpu=True))
            means += [state[: frames(clip)].mean(0) for state, clip in zip(states, some, strict=True)]
        return means

    return run


def of_transformers_waves(folder: Path) -> Rival:
    """Return a loop over padded batches with a mask, with the mean over the frames of each clip."""
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()

    def run(clips: list[np.ndarray]) -> list[np.ndarray]:
        means = []
        for first in range(0, len(clips), BATCH):
            some = clips[first : first + BATCH]
            inputs = prepare(some, sampling_rate=RATE_HZ, padding=True, return_attention_mask=True, return_tensors="pt")
            with torch.inference_mode():
                states = network(**inputs).last_hidden_state
            held = network._get_feat_extract_output_lengths(inputs.attention_mask.sum(1))
            means += [state[:n].mean(0).numpy() for state, n in zip(states, held.tolist(), strict=True)]
        return means

    return run


def frames(clip: np.ndarray) -> int:
    """Return the number of frames of Whisper's encoder that hold audio."""
    return -(-len(clip) // SHIFT)


def operations(config: Any, counts: list[int]) -> float:
    """Return the operations of Whisper's encoder for these numbers of frames, two per product and sum."""
    d, inner, n = config.d_model, config.encoder_ffn_dim, np.array(counts, float)
    convolutions = 2 * n * 3 * config.num_mel_bins * d + n * 3 * d * d
    block = n * (4 * d * d + 2 * d * inner) + 2 * n**2 * d
    return float(2 * (convolutions + config.encoder_layers * block).sum())


def compare(rivals: dict[str, Rival], clips: list[np.ndarray], repeats: int) -> pd.DataFrame:
    """Return the milliseconds per clip of each rival: wall-clock time and processor time, medians of the repeats."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in rivals}
    for run in rivals.values():
        run(clips[:BATCH])
    for _ in range(repeats):
        for name, run in rivals.items():
            times[name].append(_seconds(lambda run=run: run(clips)))
    medians = {name: np.median(pairs, axis=0) / len(clips) for name, pairs in times.items()}
    return pd.DataFrame({name: 1000 * m for name, m in medians.items()}, index=["wall ms", "processor ms"]).T


def whisper(arguments: argparse.Namespace, clips: list[np.ndarray]) -> None:
    """Print the table of Whisper, and how much the vectors of both contexts differ."""
    folder, config = arguments.whisper, transformers.AutoConfig.from_pretrained(arguments.whisper)
    with tempfile.TemporaryDirectory() as home:
        rivals = {"clip": of_mer(folder), "full": of_mer(folder, context="full")}
        rivals["transformers"] = of_transformers_whisper(folder)
        if arguments.packages:
            sys.path.append(arguments.packages)
            for kind in ("float32", "int8"):
                for own in (False, True):
                    name = f"ctranslate2 {kind}, {'own length' if own else '30 s'}"
                    rivals[name] = of_ctranslate2(folder, Path(home, "net"), kind, arguments.threads, own_length=own)
        rivals = {name: run for name, run in rivals.items() if name not in arguments.without}
        table, expected = {}, rivals["transformers"](clips[:BATCH])
        for name in list(rivals):
            try:
                found = rivals[name](clips[:BATCH])
            except (RuntimeError, ValueError) as error:
                print(f"{name}: {error}")
                del rivals[name]
                continue
            table[name] = max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True))
        times = compare(rivals, clips, arguments.repeats)
    own, whole = operations(config, [frames(c) for c in clips]), operations(config, [POSITIONS] * len(clips))
    counted = pd.Series({n: own if n == "clip" or "own" in n else whole for n in times.index})
    times["share"] = counted / (times["wall ms"] / 1000 * len(clips)) / peak()
    times["times transformers"] = times.loc["transformers", "wall ms"] / times["wall ms"]
    times["largest difference to transformers"] = pd.Series(table)
    print(times.round(3).to_string())
    difference(folder, clips)


def difference(folder: Path, clips: list[np.ndarray]) -> None:
    """Print how much the mean vectors of `clip` and `full` differ, layer by layer.

    `distance` is the median over clips of the distance between both vectors, as a share of the median distance between
    the `full` vectors of two clips; dimensions are standardised over the clips with `full`.
    """
    pair = [np.stack(of_mer(folder, layer="all", context=context)(clips)) for context in ("clip", "full")]
    layers = transformers.AutoConfig.from_pretrained(folder).encoder_layers + 1
    rows = []
    for number, (own, full) in enumerate(zip(*(np.split(v, layers, axis=1) for v in pair), strict=True)):
        scaled = [(v - full.mean(0)) / np.maximum(full.std(0), 1e-8) for v in (own, full)]
        others = np.median(np.linalg.norm(scaled[1] - np.roll(scaled[1], 1, axis=0), axis=1))
        rows.append({
            "layer": number,
            "correlation of both vectors": np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(own, full, strict=True)]),
            "correlation of standardised": np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*scaled, strict=True)]),
            "distance": np.median(np.linalg.norm(scaled[0] - scaled[1], axis=1)) / others,
        })  # fmt: skip
    print(pd.DataFrame(rows).set_index("layer").round(4).to_string())


def waves(arguments: argparse.Namespace, clips: list[np.ndarray]) -> None:
    """Print the table of networks that read samples."""
    for kind, (name, options) in WAVES.items():
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as home:
            config = getattr(transformers, f"{name}Config")(**options)
            getattr(transformers, f"{name}Model")(config).save_pretrained(home)
            transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(home)
            rivals = {"mer": of_mer(Path(home)), "transformers": of_transformers_waves(Path(home))}
            times = compare(rivals, clips, arguments.repeats)
        times["times transformers"] = times.loc["transformers", "wall ms"] / times["wall ms"]
        times["processor, times"] = times.loc["transformers", "processor ms"] / times["processor ms"]
        print(f"{kind}\n{times.round(2).to_string()}")


def _seconds(run: Callable[[], object]) -> tuple[float, float]:
    start, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - used


def main() -> None:
    """Print the tables that are requested."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--whisper", type=Path)
    parser.add_argument("--waves", action="store_true")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--packages", help="the folder of packages in which ctranslate2 is installed")
    parser.add_argument(
        "--without", nargs="*", default=[], help="rivals that are not measured, as the table names them"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    threadpool_limits(arguments.threads)
    clips = sample(arguments.raw, arguments.clips)
    seconds = np.array([len(c) / RATE_HZ for c in clips])
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {arguments.threads} threads, "
          f"torch {torch.__version__}, {len(clips)} clips of {np.median(seconds):.2f} s (median)")  # fmt: skip
    if arguments.whisper:
        whisper(arguments, clips)
    if arguments.waves:
        waves(arguments, clips)


if __name__ == "__main__":
    main()
