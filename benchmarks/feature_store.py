"""A shuffled epoch of batches from the store, from an array in memory, and from a pickle per utterance; and memory.

    python benchmarks/feature_store.py [--utterances 100000] [--pickles 20000] [--batch 128] [--repeats 5]

An utterance has the vectors that the original extractor wrote into its pickle: 160 acoustic and 768 linguistic values,
made up here. An epoch gathers both, and presence, for each batch of a permutation, by `take`, which is a little faster
than brackets. Stores, the same values in memory and the pickles are read in turn in one process and thread; the time is
processor time a batch, the median over epochs (of pickles over the batches of one permutation), with all files in the
page cache, as they were just written. Batches are compared to the bit. Writing and reading are processes of their own
whose resident memory is looked at: what is anonymous, and what is mapped from files, which the system takes back when
others need it. The limits: 50 times as fast as pickles, half as fast as memory.
"""

import argparse
import json
import os
import pickle
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from mer.features.computation import compute_missing
from mer.features.store import Store

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = {"audio": 160, "text": 768}
FASTER_THAN_PICKLES, SLOWER_THAN_MEMORY = 50.0, 2.0


def keys(count: int) -> list[str]:
    """Keys as long as those of recordings."""
    return [f"{number:064x}:None:None" for number in range(count)]


def stores(folder: Path) -> dict[str, Store]:
    return {m: Store(folder, {"extractor": m, "version": 1, "width": width}) for m, width in WIDTHS.items()}


def vector(number: int, width: int) -> np.ndarray:
    """The same for the same number: cheap, as it is not what is measured."""
    return np.arange(number, number + width, dtype=np.float32) % 1009


def memory() -> dict[str, float]:
    """MiB that are resident, by kind (Linux)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {kind: int(lines[kind].split()[0]) / 1024 for kind in ("RssAnon", "RssFile")}


def write(folder: Path, count: int) -> dict:
    """Fill both stores, and look at memory at each part."""
    wanted, seen = keys(count), {name: [] for name in WIDTHS}
    start = time.process_time()
    for name, store in stores(folder).items():

        def compute(part: list[str], name: str = name) -> list[np.ndarray]:
            seen[name].append(memory())
            return [vector(int(key.partition(":")[0], 16), WIDTHS[name]) for key in part]

        compute_missing(store, wanted, compute, name)
    return {"seconds": time.process_time() - start, "memory": seen}


def read(folder: Path, count: int, batch: int) -> dict:
    """Load, read two epochs, and look at memory."""
    seen, start = {"before": memory()}, time.process_time()
    loaded = {name: store.index() for name, store in stores(folder).items()}
    index = time.process_time() - start
    seen["two indices"], start = memory(), time.process_time()
    del loaded
    arrays = {name: store.load(keys(count), WIDTHS[name]) for name, store in stores(folder).items()}
    seen["loaded"], load = memory(), time.process_time() - start
    for number in range(2):
        epoch(arrays, np.random.default_rng(number).permutation(count), batch)
        seen[f"epoch {number + 1}"] = memory()
    start = time.process_time()
    for name, store in stores(folder).items():
        store.load(keys(count), WIDTHS[name])
    return {"index": index / 2, "load": load, "load_again": time.process_time() - start, "memory": seen}


def epoch(arrays: dict, order: np.ndarray, batch: int) -> float:
    """Processor seconds of a batch."""
    start, batches = time.process_time(), range(0, len(order), batch)
    for first in batches:
        rows = order[first : first + batch]
        gathered = {name: (values.take(rows, axis=0), present[rows]) for name, (values, present) in arrays.items()}
        assert len(gathered) == len(arrays)
    return (time.process_time() - start) / len(batches)


def dump(folder: Path, count: int) -> None:
    """A pickle per utterance, with the fields of the original extractor."""
    for number in range(count):
        sample = {"id": f"utt{number}", "dataset": "made_up", "split": "train", "speaker_id": "s1", "emotion": "joy",
                  "true_label": 3, "audio_features": vector(number, WIDTHS["audio"]),
                  "text_features": vector(number, WIDTHS["text"])}  # fmt: skip
        (folder / f"{number}.pickle").write_bytes(pickle.dumps(sample))


def unpickled(folder: Path, rows: np.ndarray) -> dict[str, np.ndarray]:
    samples = [pickle.loads((folder / f"{number}.pickle").read_bytes()) for number in rows]  # noqa: S301
    return {m: np.stack([sample[f"{m}_features"] for sample in samples]) for m in WIDTHS}


def child(*arguments: object) -> dict:
    """What a process of its own reports."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__)), "--child", *map(str, arguments)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def show_memory(folder: Path, count: int, batch: int) -> None:
    """Print what writing and reading take."""
    written = child("write", folder, count)
    print(f"write {count} utterances of {sum(WIDTHS.values())} values: {written['seconds']:.1f} s")
    for name, seen in written["memory"].items():
        anonymous = [at["RssAnon"] for at in seen]
        print(f"    {name:12} anonymous {anonymous[0]:5.0f} MiB at the first part, "
              + "".join(f"{anonymous[len(anonymous) * at // 4]:.0f}, " for at in (1, 2, 3))
              + f"{anonymous[-1]:.0f} at the last, {max(anonymous):.0f} at most; mapped from files at most "
              f"{max(at['RssFile'] for at in seen):.0f} MiB")  # fmt: skip
    found = child("read", folder, count, batch)
    print(f"read: an index {found['index']:.2f} s, first load of both {found['load']:.2f} s, "
          f"later ones {found['load_again']:.2f} s")  # fmt: skip
    for when, at in found["memory"].items():
        print(f"    {when:12} anonymous {at['RssAnon']:5.0f} MiB, mapped from files {at['RssFile']:5.0f} MiB")


def show_speed(folder: Path, count: int, pickles: int, batch: int, repeats: int) -> None:
    """Print processor time a batch of the three."""
    stored = {name: store.load(keys(count), WIDTHS[name]) for name, store in stores(folder).items()}
    in_memory = {name: (np.array(values), present) for name, (values, present) in stored.items()}
    (folder / "pickles").mkdir()
    dump(folder / "pickles", pickles)
    times: dict[str, list[float]] = {"memory": [], "store": [], "store, sound alone": [], "pickles": []}
    for turn in range(repeats):
        order = np.random.default_rng(turn).permutation(count)
        times["memory"].append(epoch(in_memory, order, batch))
        times["store"].append(epoch(stored, order, batch))
        times["store, sound alone"].append(epoch({"audio": stored["audio"]}, order, batch))
    order = np.random.default_rng(0).permutation(pickles)
    for first in range(0, pickles - batch + 1, batch):
        rows = order[first : first + batch]
        start = time.process_time()
        samples = unpickled(folder / "pickles", rows)
        times["pickles"].append(time.process_time() - start)
        for name, values in samples.items():
            assert np.array_equal(values, stored[name][0][rows]), name
            assert np.array_equal(values, in_memory[name][0][rows]), name
    medians = {name: float(np.median(found)) for name, found in times.items()}
    for name, seconds in medians.items():
        print(f"{name:18} {1e6 * seconds:9.1f} us a batch of {batch} ({min(times[name]) * 1e6:.1f} to "
              f"{max(times[name]) * 1e6:.1f})")  # fmt: skip
    print(f"the store is {medians['pickles'] / medians['store']:.0f} times as fast as pickles (limit "
          f"{FASTER_THAN_PICKLES:.0f}), and takes {medians['store'] / medians['memory']:.2f} times as long as memory "
          f"(limit {SLOWER_THAN_MEMORY:.0f})")  # fmt: skip


def main() -> None:
    """Print memory and speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=100_000)
    parser.add_argument("--pickles", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, folder, *numbers = arguments.child
        print(json.dumps({"write": write, "read": read}[what](Path(folder), *map(int, numbers))))
        return
    threadpool_limits(1)
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
          f"Python {platform.python_version()}, NumPy {np.__version__}")  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        show_memory(Path(place), arguments.utterances, arguments.batch)
        show_speed(Path(place), arguments.utterances, min(arguments.pickles, arguments.utterances), arguments.batch,
                   arguments.repeats)  # fmt: skip


if __name__ == "__main__":
    main()
