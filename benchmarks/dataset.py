"""Time and memory of building a manifest of 107,000 recordings, and of a second build.

    python benchmarks/dataset.py [--raw FOLDER] [--jobs 2]

The recordings are tiny files in the layouts of seven corpora (tiny_corpora.py), half of them in containers that
only FFmpeg opens. Each build is a process of its own. Time is wall-clock time; memory is that of all its processes.
The limits are 60 s and 2 GiB on two cores. Digests are measured separately, per GB, on a file in memory. Before the
last build, 30 files are written again, like the files of a corrected corpus.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("cremad", "emovdb", "esd", "esd_mandarin", "iemocap", "mead", "meld", "ravdess")
CHANGED = 30
PROGRAM = """import json, resource, sys, time
from pathlib import Path
from mer.corpora import selected
from mer.dataset.manifest import build, schema

def main(raw, store, jobs, names):
    start = time.perf_counter()
    corpora = selected(names.split(","))
    options = build.BuildOptions(policy="paper7", seed=1337, validation=0.1, test=0.1, folds=5, min_seconds=0.1,
                                 max_seconds=30.0)
    dataset = build.build(Path(raw), corpora, options, cache=Path(store), jobs=int(jobs))
    schema.save(dataset.manifest, Path(store) / "manifest.parquet")
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(dataset.manifest),
                      "cpu": own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime,
                      "GiB": (own.ru_maxrss + int(jobs) * workers.ru_maxrss) / 2**20,
                      "problems": len(dataset.problems), "unread": int((~dataset.manifest["audio_ok"]).sum())}))

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def build(raw: Path, store: Path, jobs: int) -> dict:
    """What one build reports of itself."""
    program = store.with_name("build.py")  # a file, which processes that are spawned can find again
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, str(program), str(raw), str(store), str(jobs), ",".join(NAMES)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def digest_rate() -> float:
    """Seconds per GB of digesting a file."""
    from mer.files import digest_file

    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(2**20) * 512)
        file.flush()
        digest_file(file.name)
        start = time.perf_counter()
        digest_file(file.name)
        return (time.perf_counter() - start) / (512 * 2**20) * 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, help="the folder of the corpora; written if absent")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    from benchmarks import tiny_corpora

    with tempfile.TemporaryDirectory() as place:
        raw, store = options.raw or Path(place) / "raw", Path(place) / "store"
        if not raw.is_dir():
            tiny_corpora.write(raw)
        print(
            f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.jobs} threads"
        )
        first, second = build(raw, store, options.jobs), build(raw, store, options.jobs)
        for path in sorted(raw.glob("RAVDESS/*/*.wav"))[:CHANGED]:
            path.write_bytes(path.read_bytes()[:-2])
        third = build(raw, store, options.jobs)
        for what, told in (("first build", first), ("nothing changed", second), (f"{CHANGED} changed", third)):
            print(
                f"{what:16} {told['seconds']:6.1f} s wall, {told['cpu']:6.1f} s CPU, {told['GiB']:.2f} GiB, "
                f"{told['rows']:,} rows, {told['problems']} problems, {told['unread']} unread"
            )
        print(f"digesting        {digest_rate():6.2f} s per GB, one thread")


if __name__ == "__main__":
    main()
