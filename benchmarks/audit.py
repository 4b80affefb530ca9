"""Results and costs of the audit: near-duplicates among real recordings, growth to 50,000 clips, and 110,000 rows.

    python benchmarks/audit.py [--raw FOLDER] [--clips 50000] [--rows 110000] [--hidden 20] [--seed 1]

`--raw` is a folder of corpora like data/raw (default: MER_REAL_CORPORA). With it, `--hidden` clips of each corpus are
altered in one way at a time (benchmarks/audio_alterations.py) and hidden among all recordings. The benchmark prints the
share that is found, and the different recordings that come closest to being taken for copies. For growth, the same
recordings are used at other speeds, 22 % apart and more, which the search must not confuse; without a folder, synthetic
voices are used. One clip in fifty is hidden a second time, cut and encoded again, and has to be found. Each measurement
is a process of its own, so that its peak memory is its own. Limits on two cores: 60 s for 3,346 recordings, 30 s and
2 GiB for the rows.
"""

import argparse
import hashlib
import io
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from benchmarks import audio_alterations
from mer.corpora import CORPORA, Utterance, parsers
from mer.corpora.synthetic.clip import RATE
from mer.corpora.synthetic.trees import plan
from mer.corpora.synthetic.voice import speak
from mer.dataset import splits
from mer.dataset.audit import checks
from mer.dataset.audit.copies import altered_copies, near_duplicates
from mer.dataset.audit.copies.fingerprints import RATE_HZ
from mer.dataset.manifest import labels, schema
from mer.media.audio import read_mono

ROOT = Path(__file__).resolve().parents[1]
SPEEDS = [1.22 ** (turn // 2 + 1 if turn % 2 else -turn // 2) for turn in range(32)]
"""The speeds: 1, then 1.22 and its powers, and their inverses."""
HIDDEN_EVERY = 50
"""One clip of this number is hidden a second time."""


def recordings(raw: Path) -> list[str]:
    """Return the paths below `raw` of all utterances with a WAV or FLAC file."""
    found = [(corpus, corpus.find(raw)) for corpus in CORPORA.values()]
    rows = (row for corpus, folder in found if folder for row in parsers.parse(corpus, raw, folder))
    return sorted({r.path for r in rows if isinstance(r, Utterance) and r.path.endswith((".wav", ".flac"))})


def real(raw: Path) -> None:
    """Search a folder for near-duplicates, including decoding."""
    paths = recordings(raw)
    clock, start = time.perf_counter(), time.process_time()
    found = near_duplicates.find_near_duplicates(pd.DataFrame({"source_path": paths}), raw, jobs=2)
    print(f"{len(paths):,} recordings, decoding included: {time.perf_counter() - clock:.1f} s "
          f"({time.process_time() - start:.1f} s of processor), {len(found.pairs)} pairs")  # fmt: skip


def hidden(raw: Path, count: int, seed: int) -> None:
    """Print the share of altered clips that are found, by corpus and kind, and the pairs of different recordings."""
    paths = recordings(raw)
    with ThreadPoolExecutor(2) as pool:
        recorded = list(
            pool.map(lambda path: near_duplicates.fingerprint_recording(read_mono(raw / path, rate_hz=RATE_HZ)), paths)
        )
    margins(paths, recorded)
    corpora = pd.Series(paths).str.split("/").str[0]
    chosen = corpora.groupby(corpora).sample(frac=1, random_state=seed).groupby(corpora).head(count).sort_index()
    copies = [(kind, at) for kind in audio_alterations.KINDS for at in chosen.index]
    with ThreadPoolExecutor(2) as pool:
        pairs = near_duplicates.match(
            [*recorded, *pool.map(lambda copy: altered_clip(raw / paths[copy[1]], *copy, seed), copies)]
        )
    origin = np.array([*range(len(paths)), *(at for _, at in copies)])
    wrong = origin[pairs["first"]] != origin[pairs["second"]]
    found = set(zip(pairs["first"], pairs["second"], strict=True))
    table = pd.DataFrame(copies, columns=["kind", "at"]).assign(
        found=[(at, len(paths) + number) in found for number, (_, at) in enumerate(copies)]
    )
    table["corpus"] = table["at"].map(chosen)
    shares = table.pivot_table(index="kind", columns="corpus", values="found", sort=False).round(2)
    print(shares.to_string(), f"\npairs of different recordings: {wrong.sum()} of {len(pairs):,}", flush=True)


def altered_clip(path: Path, kind: str, at: int, seed: int) -> near_duplicates.Fingerprints:
    """Return the fingerprints of a recording that was altered and quantised to 16 bits."""
    clip = read_mono(path, rate_hz=audio_alterations.RATE).astype("float64")
    clip = audio_alterations.KINDS[kind](clip, np.random.default_rng([seed, at]))
    clip = np.round(clip / max(1.0, float(np.abs(clip).max())) * 32_767).astype("float32") / 32_768
    return near_duplicates.fingerprint_recording(soxr.resample(clip, audio_alterations.RATE, RATE_HZ))


def margins(paths: list[str], recorded: list[near_duplicates.Fingerprints]) -> None:
    """Print the different recordings that come closest to being taken for copies."""
    rows = [
        (one, other, m.score, m.weight) for one, other, m in altered_copies.matches([sketch for _, sketch in recorded])
    ]
    table = pd.DataFrame(rows, columns=["one", "other", "score", "seconds"]).query("score > 0")
    table["margin"] = table["seconds"].map(altered_copies.required) - table["score"]
    print(f"{len(rows):,} aligned pairs, {len(table)} of which have a score; the smallest margins:")
    for lowest, highest in ((0, 0.2), (0.2, 0.3), (0.3, 0.45), (0.45, 99)):
        part = table[table["seconds"].between(lowest, highest, inclusive="left")].nsmallest(5, "margin")
        names = "" if part.empty else f"{paths[part.iloc[0]['one'].astype(int)]} {paths[int(part.iloc[0]['other'])]}"
        print(f"  {lowest}-{highest} s: {part['margin'].round(3).tolist()} {names}", flush=True)


def voices(raw: Path | None, count: int) -> Callable[[int], np.ndarray]:
    """Return a function that makes clip 0..count-1, at 8 kHz."""
    if raw is None:
        clips = [clip for tree in plan(seed=0, speakers=24, clips=-(-count // 600)).values() for clip in tree.clips]
        return lambda at: soxr.resample(speak(clips[at], seed=0, shift=1.0), RATE, RATE_HZ)
    paths = recordings(raw)

    def voice(at: int) -> np.ndarray:
        clip = read_mono(raw / paths[at % len(paths)], rate_hz=RATE_HZ)
        speed = SPEEDS[at // len(paths)]
        times = np.arange(0, len(clip) - 1, speed)
        return np.interp(times, np.arange(len(clip)), clip).astype("float32")

    return voice


def reencoded(clip: np.ndarray) -> np.ndarray:
    """Return the clip after cutting both ends, halving its level and lossy coding."""
    cut = clip[len(clip) // 10 + 13 : -len(clip) // 10] / 2
    coded = io.BytesIO()
    soundfile.write(coded, cut, RATE_HZ, format="OGG", subtype="VORBIS", compression_level=0.6)
    coded.seek(0)
    return soundfile.read(coded, dtype="float32")[0]


def growth(raw: Path | None, count: int) -> None:
    """Measure fingerprints and search for a number of clips."""
    clock, voice = time.perf_counter(), voices(raw, count)
    hidden = range(0, count, HIDDEN_EVERY)
    with ThreadPoolExecutor(2) as pool:
        prints = list(pool.map(lambda at: near_duplicates.fingerprint_recording(voice(at)), range(count)))
        prints += pool.map(lambda at: near_duplicates.fingerprint_recording(reencoded(voice(at))), hidden)
    reading = time.perf_counter() - clock
    clock, start = time.perf_counter(), time.process_time()
    pairs = near_duplicates.match(prints)
    searching, processor = time.perf_counter() - clock, time.process_time() - start
    found = set(zip(pairs["first"], pairs["second"], strict=True))
    truth = {(number, count + at) for at, number in enumerate(hidden)}
    origin = np.array([*range(count), *hidden]) % (len(recordings(raw)) if raw else count)
    wrong = sum(origin[one] != origin[other] for one, other in found)
    print(f"{len(prints):7,} clips: made and fingerprinted {reading:6.1f} s, searched {searching:6.1f} s "
          f"({processor:6.1f} s of processor), hidden copies {len(truth)}, found {len(truth & found)}, "
          f"pairs of different recordings {wrong}, peak {peak():.2f} GiB", flush=True)  # fmt: skip


def peak() -> float:
    """Return the peak memory of this process in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def manifest(count: int) -> pd.DataFrame:
    """Return a manifest with all corpora, with free or read speech as each corpus has it."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(len(CORPORA), 2.0))
    emotions = labels.classes("paper7")
    words = [f"w{number}" for number in range(8_000)]
    often = 1 / np.arange(1, len(words) + 1)
    rows = []
    for number, name in enumerate(np.sort(rng.choice(list(CORPORA), count, p=shares))):
        corpus, free = CORPORA[name], CORPORA[name].lexical_control == "free"
        text = rng.choice(8_000, rng.integers(2, 20), p=often / often.sum()) if free else [rng.integers(300)] * 6
        rows.append({
            "utterance_id": f"{name}/{number}", "corpus": name, "family": corpus.family, "gender": "female",
            "source_path": f"{name}/{number}.wav", "audio_sha256": hashlib.sha256(b"%d" % number).hexdigest(),
            "emotion": emotions[rng.integers(len(emotions))], "emotion_raw": "x", "duration": 3.0,
            "transcription": " ".join(words[at] for at in text) + f" {name}", "lexical_control": corpus.lexical_control,
            "speaker_id": f"{name}_{rng.integers(40):03}", "dialogue_id": f"{name}_{number // 10}" if free else None,
            "split_official": ("train", "validation", "test")[number // 10 % 3] if corpus.official_splits else None,
            "too_short": False, "too_long": False, "audio_ok": True,
        })  # fmt: skip
    official = {name for name, corpus in CORPORA.items() if corpus.official_splits}
    return splits.assign(schema.typed(rows), official, splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5))


def rows(path: Path) -> None:
    """Measure the leak checks on a saved manifest."""
    clock, start = time.perf_counter(), time.process_time()
    table = schema.usable(pd.read_parquet(path))
    official = {name for name, corpus in CORPORA.items() if corpus.official_splits}
    found = checks.find_leaks(table, official)
    print(f"{len(table):,} rows: {time.perf_counter() - clock:.1f} s ({time.process_time() - start:.1f} s of "
          f"processor), {len(found)} findings, peak {peak():.2f} GiB")  # fmt: skip


def in_own_process(code: str) -> None:
    """Run one measurement in a process of its own."""
    program = f"from pathlib import Path, PosixPath, WindowsPath\nfrom benchmarks import audit\naudit.{code}"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, default=os.environ.get("MER_REAL_CORPORA"))
    parser.add_argument("--clips", type=int, default=50_000)
    parser.add_argument("--rows", type=int, default=110_000)
    parser.add_argument("--hidden", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    raw = options.raw.resolve() if options.raw else None
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
          f"{platform.python_version()}", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        manifest(options.rows).to_parquet(Path(place) / "manifest.parquet")
        in_own_process(f"rows({str(place) + '/manifest.parquet'!r})")
    if raw:
        in_own_process(f"real({raw!r})")
        in_own_process(f"hidden({raw!r}, {options.hidden}, {options.seed})")
    for share in (16, 8, 4, 2, 1):
        in_own_process(f"growth({raw!r}, {options.clips // share})")


if __name__ == "__main__":
    main()
