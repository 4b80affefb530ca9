"""What MFCC statistics cost: beside librosa, the arithmetic that nothing can save, and a pickle per utterance.

    python benchmarks/mfcc.py RAW [--clips 600] [--repeats 5]

RAW is a folder of corpora as below data/raw; clips of all lengths are taken evenly from its FLAC files at 16 kHz. All
compute mean and deviation of 80 coefficients (n_fft 400, hop 160, 80 HTK mel bands) in one thread, BLAS included,
in turn, so that whatever else the machine does meets all of them; the time is processor time, the median of the
repeats. What is compared:

- from shards that hold the decoded clips: ours and librosa (limit: twice as fast), outputs compared; and the ceiling,
  FFT and matrix products alone on as many frames in memory that is there (limit: half of it), with the parts of ours;
- from FLAC and from WAV files to vectors in a store, decoding included, beside decoding alone with soundfile (limit,
  FLAC: 45 % of its speed);
- an extractor as the original's: soundfile, torchaudio, one pickle per utterance;
- two processes, each with half of the clips, on the wall clock.
"""

import argparse
import multiprocessing
import os
import pickle
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import scipy.fftpack
import soundfile
import torch
import torchaudio
from threadpoolctl import threadpool_limits

from mer import files
from mer.features import Resources, Store
from mer.features import audio as acoustic
from mer.features.audio import mfcc
from mer.media import audio
from mer.media import recordings as decoded
from mer.params.schema import AudioFeatures, Data

SECTION, DATA = AudioFeatures(extractor="mfcc", n_mfcc=80), Data()
FASTER_THAN_LIBROSA, OF_CEILING, OF_DECODING = 2.0, 0.5, 0.45


def manifest(folder: Path, paths: list[Path]) -> pd.DataFrame:
    rows = [{"source_path": str(path.relative_to(folder)), "audio_sha256": files.digest_file(path), "start": None,
             "end": None, "duration": soundfile.info(path).duration, "audio_ok": True} for path in paths]  # fmt: skip
    return pd.DataFrame(rows).astype({"start": "Float64", "end": "Float64"})


def compute(sounds: decoded.AudioClips) -> list[np.ndarray]:
    return [mfcc.mfcc_statistics(sound) for sound in sounds]


def by_librosa(sounds: decoded.AudioClips) -> list[np.ndarray]:
    options = {"sr": 16_000, "n_mfcc": 80, "n_fft": 400, "hop_length": 160, "n_mels": 80, "htk": True,
               "mel_norm": None, "pad_mode": "reflect"}  # fmt: skip
    cepstra = (librosa.feature.mfcc(y=sound, **options) for sound in sounds)
    return [np.concatenate([found.mean(axis=1), found.std(axis=1)]) for found in cepstra]


def to_store(folder: Path, rows: pd.DataFrame) -> Store:
    """Files to vectors, by way of shards, into an empty store."""
    place = Path(tempfile.mkdtemp(dir=folder))
    store = Store(place, acoustic.spec(SECTION, DATA))
    acoustic.extract(rows, folder, store, mfcc.EXTRACTOR.open(SECTION, Resources()))
    shutil.rmtree(place)
    return store


def at_once(folder: Path, rows: pd.DataFrame) -> list[np.ndarray]:
    """Files to vectors, nothing kept."""
    return [mfcc.mfcc_statistics(audio.read_mono(folder / path)) for path in rows["source_path"]]


def alone(folder: Path, rows: pd.DataFrame) -> None:
    for path in rows["source_path"]:
        soundfile.read(folder / path, dtype="float32")


def pickles(folder: Path, rows: pd.DataFrame, keep: bool = False) -> Path:
    """As the original's extractor does it: one clip at a time, torchaudio's MFCC, unbiased deviation, one pickle."""
    place = Path(tempfile.mkdtemp(dir=folder))
    transform = torchaudio.transforms.MFCC(
        16_000, n_mfcc=80, melkwargs={"n_fft": 400, "hop_length": 160, "n_mels": 80, "center": True, "power": 2.0}
    )
    for number, path in enumerate(rows["source_path"]):
        samples, _ = soundfile.read(folder / path, dtype="float32", always_2d=True)
        cepstra = transform(torch.from_numpy(samples.mean(axis=1)))
        vector = torch.cat([cepstra.mean(dim=1), cepstra.std(dim=1)]).numpy()
        sample = {"id": f"utt{number}", "dataset": "made_up", "split": "train", "speaker_id": "s1", "emotion": "joy",
                  "true_label": 3, "audio_features": vector, "text_features": None}  # fmt: skip
        (place / f"{number}.pickle").write_bytes(pickle.dumps(sample))
    if not keep:
        shutil.rmtree(place)
    return place


def parts_of(lengths: np.ndarray) -> dict[str, Callable[[], object]]:
    """What `mfcc_statistics` does, step by step, each on as many frames, in blocks, in memory that is there."""
    rng, block = np.random.default_rng(0), mfcc.BLOCK
    padded = rng.normal(0, 0.1, block * mfcc.HOP + mfcc.N_FFT).astype(np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(padded, mfcc.N_FFT)[:: mfcc.HOP]
    parts, squared, scratch = (rng.random((block, mfcc.N_FFT), np.float32) for _ in range(3))
    power, levels, cepstra = (rng.random((block, n), np.float32) for n in (mfcc.HALF + 1, 80, 80))
    filters, transform, window = mfcc._mel_filters(80, 16_000), mfcc._dct(80, 80), mfcc._window()
    moved, logged = np.empty_like(levels), np.empty_like(levels)
    steps = {
        "window": lambda n: np.multiply(framed[:n], window, out=parts[:n]),
        "FFT": lambda n: scipy.fftpack.rfft(parts[:n], axis=1, overwrite_x=True),
        "power": lambda n: (np.square(squared[:n], out=scratch[:n]),
                            np.add(scratch[:n, 1:-1:2], scratch[:n, 2:-1:2], out=power[:n, 1 : mfcc.HALF])),
        "mel": lambda n: np.matmul(power[:n], filters, out=moved[:n]),
        "logarithm": lambda n: np.log(np.maximum(levels[:n], 1e-10, out=logged[:n]), out=logged[:n]),
        "floor, mean": lambda n: (levels[:n].max(), np.maximum(levels[:n], -1.0, out=moved[:n]),
                                  levels[:n].mean(axis=0, dtype=np.float64),
                                  np.subtract(levels[:n], 0.5, out=moved[:n])),
        "DCT": lambda n: np.matmul(levels[:n], transform, out=cepstra[:n]),
        "squares": lambda n: np.square(cepstra[:n], out=moved[:n]).sum(axis=0),
    }  # fmt: skip
    frames = 1 + lengths // mfcc.HOP
    sizes = [min(block, int(count) - first) for count in frames for first in range(0, int(count), block)]
    return {name: lambda step=step: [step(n) for n in sizes] for name, step in steps.items()}


def timed(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each, called in turn; the first turn fills caches and does not count."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(-1, repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if turn >= 0:
                times[name].append(time.process_time() - start)
    return {name: float(np.median(found)) for name, found in times.items()}


def show(times: dict[str, float], clips: int, seconds: float) -> None:
    for name, found in times.items():
        print(f"    {name:34} {1000 * found / clips:7.3f} ms a clip, {seconds / found:6.0f} times real time")


def from_shards(sounds: decoded.AudioClips, repeats: int) -> None:
    """Print ours beside librosa and the ceiling."""
    difference = max(np.abs(a - b).max() for a, b in zip(compute(sounds), by_librosa(sounds), strict=True))
    assert difference < 1e-2, difference
    steps = parts_of(sounds.lengths)
    calls = {"ours": lambda: compute(sounds), "librosa": lambda: by_librosa(sounds),
             "reading from the shards": lambda: [len(sound) for sound in sounds],
             "mirrored edges, framing": lambda held=list(sounds): [mfcc._framed(sound) for sound in held]}  # fmt: skip
    times = timed(calls | steps, repeats)
    ceiling = times["FFT"] + times["mel"] + times["DCT"]
    seconds = sounds.lengths.sum() / 16_000
    print(f"\nfrom shards; the largest difference of an output from librosa's is {difference:.1e}")
    show({name: times[name] for name in calls} | {"ceiling: FFT, mel, DCT": ceiling}, len(sounds), seconds)
    shares = {name: found / times["ours"] for name, found in times.items() if name not in ("ours", "librosa")}
    shares["calls and colder caches"] = 1 - sum(shares.values())
    print("parts of ours: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    print(f"{times['librosa'] / times['ours']:.1f} times as fast as librosa (limit {FASTER_THAN_LIBROSA:.0f}), "
          f"{ceiling / times['ours']:.0%} of the ceiling (limit {OF_CEILING:.0%})")  # fmt: skip


def from_files(folder: Path, rows: pd.DataFrame, kind: str, repeats: int) -> None:
    """Print files to vectors beside decoding alone and the original's way."""
    seconds = rows["duration"].sum()
    times = timed(
        {
            "decoding alone (soundfile)": lambda: alone(folder, rows),
            "ours, nothing kept": lambda: at_once(folder, rows),
            "ours, files to shards to store": lambda: to_store(folder, rows),
            "torchaudio, a pickle each": lambda: pickles(folder, rows),
        },
        repeats,
    )
    print(f"\nfrom {kind}")
    show(times, len(rows), seconds)
    decoding, kept_none, ours, theirs = times.values()
    print(f"{decoding / kept_none:.0%} of the speed of decoding alone, {decoding / ours:.0%} where samples and "
          f"vectors are kept (limit {OF_DECODING:.0%} for FLAC)\n{theirs / ours:.1f} times as fast as a pickle "
          "each")  # fmt: skip


def check_pickles(folder: Path, rows: pd.DataFrame, sounds: decoded.AudioClips) -> None:
    """Fail where the original's way gives something else than its deviation with n - 1."""
    place = pickles(folder, rows, keep=True)
    for number, ours in enumerate(compute(sounds)):
        theirs = pickle.loads((place / f"{number}.pickle").read_bytes())["audio_features"]  # noqa: S301
        frames = 1 + sounds.lengths[number] // mfcc.HOP
        theirs[80:] *= np.sqrt((frames - 1) / frames)
        assert np.abs(ours - theirs).max() < 1e-2, number
    shutil.rmtree(place)


def half(folder: Path, rows: pd.DataFrame) -> None:
    threadpool_limits(1)
    to_store(folder, rows)


def two_processes(folder: Path, rows: pd.DataFrame, repeats: int) -> None:
    """Print the wall clock of one and of two processes, which are there already."""
    halves = [rows.iloc[::2].reset_index(drop=True), rows.iloc[1::2].reset_index(drop=True)]
    times: dict[int, list[float]] = {1: [], 2: []}
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(half, [(folder, part) for part in halves])
        for _ in range(repeats):
            for count, work in ((1, [rows]), (2, halves)):
                start = time.perf_counter()
                pool.starmap(half, [(folder, part) for part in work], chunksize=1)
                times[count].append(time.perf_counter() - start)
    one, two = (float(np.median(times[count])) for count in (1, 2))
    print(f"\nFLAC files to store on the wall clock: one process {one:.2f} s, two {two:.2f} s: {one / two:.2f} times "
          "as fast")  # fmt: skip


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    threadpool_limits(1)
    torch.set_num_threads(1)
    found = [path for path in sorted(arguments.raw.rglob("*.flac")) if soundfile.info(path).samplerate == 16_000]
    picked = found[:: max(1, len(found) // arguments.clips)][: arguments.clips]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        flac, wav = [], []
        for number, path in enumerate(picked):
            flac.append(folder / f"{number}.flac")
            wav.append(folder / f"{number}.wav")
            shutil.copyfile(path, flac[-1])
            soundfile.write(wav[-1], *soundfile.read(path, dtype="int16"), subtype="PCM_16")
        rows = manifest(folder, flac)
        recordings = acoustic.decode(rows, folder, folder, decoded.spec(DATA.min_seconds, DATA.max_seconds))
        sounds = recordings.select(acoustic.keys(rows))
        print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
              f"{platform.python_version()}, NumPy {np.__version__}, librosa {librosa.__version__}, torchaudio "
              f"{torchaudio.__version__}\n{len(rows)} clips, {rows['duration'].sum():.0f} s, median "
              f"{rows['duration'].median():.2f} s, {arguments.repeats} repeats")  # fmt: skip
        check_pickles(folder, rows, sounds)
        from_shards(sounds, arguments.repeats)
        from_files(folder, rows, "FLAC", arguments.repeats)
        from_files(folder, manifest(folder, wav), "WAV", arguments.repeats)
        two_processes(folder, rows, arguments.repeats)


if __name__ == "__main__":
    main()
