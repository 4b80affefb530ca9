"""Time and memory of predictions: the first file, a thousand short files, an hour, and a long recording.

    python benchmarks/predict.py MODEL [MODEL …] [--files 1000] [--hours 2] [--voice energy] [--speech FOLDER]

MODEL is a checkpoint whose inputs are `mfcc` or `functionals`. The recordings are those of FOLDER, joined with pauses
for the long ones. Without FOLDER they are harmonic tones of 2 to 4 s with the loudness of syllables, in which silero
detects no speech. Each figure is of a process of its own (`python -m mer.predict`), imports included. Seconds are wall
clock and processor time; memory is the largest resident set. The first prediction is the fastest of five. Limits: 6 s
for the first prediction, or 2 s for a linear model with --voice energy, which imports no torch; and the memory of the
longest recording is within 20 % of that of ten minutes.

Networks are not exported to ONNX: with torch the first prediction takes half of its limit, most of it for torch's
import. Linear models are faster, and they generalise better to unseen corpora (params/voice.yaml).

The threshold of silero for short recordings is .2 (`voice_activity.THRESHOLDS`). At .5 it detects no speech in 1.5 % of
RAVDESS, at .2 in 0.5 %. At .2 it still detects none in noise, knocks and 95 % of plucked chords.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from mer.media import audio
from mer.media.audio import RATE_HZ
from mer.predict.inputs.requests import SUFFIXES

LINEAR = ("logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf")
MAX_SECONDS, MAX_SECONDS_LINEAR, MAX_GROWTH = 6.0, 2.0, 1.2
COMMAND = (
    "import resource, sys; from mer.predict.__main__ import main; code = main(sys.argv[1:]); "
    "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, code)"
)


def phrase(r: np.random.Generator, speech: list[Path]) -> np.ndarray:
    if speech:
        return audio.read_mono(speech[r.integers(len(speech))])
    t = np.arange(round(r.uniform(2, 4) * RATE_HZ)) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * r.uniform(100, 250) * k * t) / k for k in range(1, 6))
    return (0.1 * voice * (0.55 + 0.45 * np.sin(8 * np.pi * t)) + r.normal(0, 1e-3, len(t))).astype(np.float32)


def short_files(folder: Path, count: int, speech: list[Path]) -> Path:
    r = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        soundfile.write(folder / f"{number:05d}.flac", phrase(r, speech), RATE_HZ)
    return folder


def long_file(path: Path, hours: float, speech: list[Path]) -> Path:
    """Write a file that repeats the same two minutes."""
    r = np.random.default_rng(1)
    parts = [part for _ in range(30) for part in (phrase(r, speech), r.normal(0, 1e-4, RATE_HZ).astype(np.float32))]
    minutes = np.concatenate(parts)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for _ in range(max(1, round(hours * 3600 * RATE_HZ / len(minutes)))):
            file.write(minutes)
    return path


def predict(model: Path, path: Path, voice: str, out: Path) -> dict[str, float]:
    """Return wall-clock and processor seconds, MiB and the number of predictions of one process."""
    line = [sys.executable, "-c", COMMAND, str(path), "--model", str(model), "--voice", voice, "--out", str(out)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.run(line, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    _, peak, code = process.stdout.splitlines()[-1].split()
    assert code in ("0", "1"), process.stdout + process.stderr  # a detector may miss the speech of a recording
    rows = len(out.read_text(encoding="utf-8").splitlines()) - 1
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": used, "MiB": int(peak) / 1024, "predictions": rows}


def print_line(name: str, measured: dict[str, float], limit: str = "") -> None:
    figures = f"{measured['wall']:8.1f} s wall {measured['cpu']:8.1f} s cpu {measured['MiB']:7.0f} MiB"
    print(f"  {name:16} {figures} {measured['predictions']:6} predictions  {limit}", flush=True)


def measure(model: Path, options: argparse.Namespace, home: Path) -> None:
    card = json.loads((model / "model.json").read_text(encoding="utf-8"))
    spec, linear = card["features"]["audio"], card["model"] in LINEAR and options.voice == "energy"
    print(f"{card['name']}: {spec['extractor']}, --voice {options.voice}")
    one, out = next(iter(sorted((home / "short").iterdir()))), home / "out.csv"
    first = min((predict(model, one, options.voice, out) for _ in range(5)), key=lambda measured: measured["wall"])
    limit = MAX_SECONDS_LINEAR if linear else MAX_SECONDS
    print_line("first prediction", first, f"limit {limit:.0f} s: {'kept' if first['wall'] <= limit else 'MISSED'}")
    print_line(f"{options.files} short files", predict(model, home / "short", options.voice, out))
    ten_minutes = predict(model, home / "10min.wav", options.voice, out)
    print_line("10 minutes", ten_minutes)
    print_line("1 hour", predict(model, home / "1h.wav", options.voice, out))
    longest = predict(model, home / "long.wav", options.voice, out)
    memory = "flat" if longest["MiB"] <= MAX_GROWTH * ten_minutes["MiB"] else "GROWS"
    print_line(f"{options.hours:g} hours", longest, f"memory: {memory}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--voice", choices=("energy", "silero"), default="energy")
    parser.add_argument("--speech", type=Path, help="a folder of recordings to use")
    options = parser.parse_args()
    speech = [p for p in sorted(options.speech.rglob("*")) if p.suffix.lower() in SUFFIXES] if options.speech else []
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        short_files(home / "short", options.files, speech)
        for path, hours in (("10min.wav", 1 / 6), ("1h.wav", 1.0), ("long.wav", options.hours)):
            long_file(home / path, hours, speech)
        for model in options.models:
            measure(model, options, home)


if __name__ == "__main__":
    main()
