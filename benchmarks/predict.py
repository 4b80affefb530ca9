"""What asking a model takes: the first answer, a thousand short files, an hour, and the memory of a long recording.

    python benchmarks/predict.py MODEL [MODEL …] [--files 1000] [--hours 2] [--voice energy] [--speech FOLDER]

MODEL is a checkpoint whose inputs are `mfcc` or `functionals`. Recordings are made of those in FOLDER, with pauses
between them in the long ones; without, of a harmonic sound of 2 to 4 s that rises and falls as syllables do (in which
silero hears nobody). Each figure is of a process of its own (`python -m mer.predict`), imports included; seconds are on
the wall clock and of the processor, memory is the greatest resident set. The first answer is the fastest of five.
Limits: it comes in 6 s, or in 2 s of a linear model with --voice energy, which imports no torch; and memory of the
longest recording is within 20 % of that of ten minutes.

Networks are not exported to ONNX: with torch the first answer takes half of its limit, most of it torch's import, and
who needs it sooner has the linear models, which do better on corpora that they have not heard (params/voice.yaml).
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

LINEAR = ("logistic", "ridge", "svm_linear", "svm_rbf")
FIRST_SECONDS, FIRST_SECONDS_LINEAR, GROWTH = 6.0, 2.0, 1.2
ASK = (
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
    """Written phrase by phrase; the same two minutes come again and again."""
    r = np.random.default_rng(1)
    parts = [part for _ in range(30) for part in (phrase(r, speech), r.normal(0, 1e-4, RATE_HZ).astype(np.float32))]
    minutes = np.concatenate(parts)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for _ in range(max(1, round(hours * 3600 * RATE_HZ / len(minutes)))):
            file.write(minutes)
    return path


def ask(model: Path, what: Path, voice: str, out: Path) -> dict[str, float]:
    """Wall-clock and processor seconds, MiB and answers of one process."""
    line = [sys.executable, "-c", ASK, str(what), "--model", str(model), "--voice", voice, "--out", str(out)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    _, peak, code = done.stdout.splitlines()[-1].split()
    assert code in ("0", "1"), done.stdout + done.stderr  # in some clips a detector hears nobody
    rows = len(out.read_text(encoding="utf-8").splitlines()) - 1
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": used, "MiB": int(peak) / 1024, "answers": rows}


def told(name: str, found: dict[str, float], limit: str = "") -> None:
    figures = f"{found['wall']:8.1f} s wall {found['cpu']:8.1f} s cpu {found['MiB']:7.0f} MiB"
    print(f"  {name:16} {figures} {found['answers']:6} answers  {limit}", flush=True)


def measured(model: Path, given: argparse.Namespace, home: Path) -> None:
    card = json.loads((model / "model.json").read_text(encoding="utf-8"))
    spec, linear = card["features"]["audio"], card["model"] in LINEAR and given.voice == "energy"
    print(f"{card['name']}: {spec['extractor']}, --voice {given.voice}")
    one, out = next(iter(sorted((home / "short").iterdir()))), home / "out.csv"
    first = min((ask(model, one, given.voice, out) for _ in range(5)), key=lambda found: found["wall"])
    limit = FIRST_SECONDS_LINEAR if linear else FIRST_SECONDS
    told("first answer", first, f"limit {limit:.0f} s: {'kept' if first['wall'] <= limit else 'MISSED'}")
    told(f"{given.files} short files", ask(model, home / "short", given.voice, out))
    ten = ask(model, home / "10min.wav", given.voice, out)
    told("10 minutes", ten)
    told("1 hour", ask(model, home / "1h.wav", given.voice, out))
    most = ask(model, home / "long.wav", given.voice, out)
    told(f"{given.hours:g} hours", most, f"memory: {'flat' if most['MiB'] <= GROWTH * ten['MiB'] else 'GROWS'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--voice", choices=("energy", "silero"), default="energy")
    parser.add_argument("--speech", type=Path, help="recordings to take the sound from")
    given = parser.parse_args()
    speech = [p for p in sorted(given.speech.rglob("*")) if p.suffix.lower() in SUFFIXES] if given.speech else []
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        short_files(home / "short", given.files, speech)
        for path, hours in (("10min.wav", 1 / 6), ("1h.wav", 1.0), ("long.wav", given.hours)):
            long_file(home / path, hours, speech)
        for model in given.models:
            measured(model, given, home)


if __name__ == "__main__":
    main()
