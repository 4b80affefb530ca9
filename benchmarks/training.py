"""An epoch of the audio and text fork's simple recipe, its way and ours.

    python -m benchmarks.training [--epochs 5] [--threads 1 2] [--workers 0 2]

The recipe: FlexibleAT with vectors of 160 and 768 (1,128,039 parameters), batches of 128, AdamW with a rate of 1e-3 and
a decay of 1e-4, balanced class weights, gradients clipped at 1, 10,000 utterances, and after each epoch the validation
UAR of 1,250. The utterances are made up: a third of what tells the seven classes apart is in the sound, the rest in
the text, and chance decides the others.

The rival is the recipe written from its description: a file per utterance with its dict pickled, a `Dataset` that
unpickles the file that it is asked for, a `DataLoader` with its default collate, the network in `torch.nn`'s own
parts, torch's default AdamW. Two variants: vectors pickled as NumPy arrays, and as tensors. All files are in the
memory of the operating system, as they have just been written; on a disk the rival is slower. Ours is
`mer.training.network.fit` on arrays.

`products alone` is what the matrix products of an epoch would take at the speed of the best of 20 products of 2048²
float32 matrices with the same threads: 6 × parameters × samples in training, 2 in validation. Both sides have to do
them, so the last column has no more to give than what stands in that row.

An epoch is training and validation. Both sides run in this process with the same threads; the rival's worker
processes come on top. The median over the epochs after the first.
"""

import argparse
import os
import pickle
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mer import models, stats
from mer.features import Features
from mer.models import noise
from mer.params.schema import System, Training
from mer.training import device, network
from mer.training.task import Task

TRAIN, VALIDATION, CLASSES = 10_000, 1_250, 7
WIDTHS = {"audio": 160, "text": 768}
LIMITS = {"arrays": 2.0, "tensors": 6.0}
SYSTEM = System(model="flexible_at")
RECIPE = Training(batch_size=128, hidden=128, dropout=0.1, learning_rate=1e-3, weight_decay=1e-4, missing="none",
                  modality_dropout=0.0, label_smoothing=0.0, patience=1000)  # fmt: skip


def generated() -> Task:
    """Utterances of which a network can learn, not all."""
    generator = np.random.default_rng(0)
    n = TRAIN + VALIDATION
    labels = generator.choice(CLASSES, n, p=np.arange(1, CLASSES + 1) / (CLASSES * (CLASSES + 1) / 2))
    arrays = {m: generator.normal(0, 1, (n, width)).astype(np.float32) for m, width in WIDTHS.items()}
    for modality, strength in (("audio", 0.14), ("text", 0.14)):
        arrays[modality] += generator.normal(0, strength, (CLASSES, WIDTHS[modality])).astype(np.float32)[labels]
    return Task(Features(arrays, {m: np.ones(n, bool) for m in WIDTHS}), labels, np.repeat("made up", n), CLASSES)


class Pickles(Dataset):
    """The rival's utterances, a file each."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict:
        with self.files[index].open("rb") as file:
            sample = pickle.load(file)  # noqa: S301 - written by `write` below, a moment ago
        return {"audio": sample["audio_features"], "text": sample["text_features"], "label": sample["true_label"]}


def write(task: Task, folder: Path, kind: str) -> list[Path]:
    """Write a pickle per utterance; `kind` is `arrays` or `tensors`."""
    folder.mkdir()
    put = torch.from_numpy if kind == "tensors" else np.asarray
    paths = [folder / f"{row:05d}.pickle" for row in range(len(task.labels))]
    for row, path in enumerate(paths):
        vectors = {m: put(values[row].copy()) for m, values in task.features.arrays.items()}
        sample = {"id": path.stem, "dataset": "MADE_UP", "split": "train", "speaker_id": f"speaker_{row % 24}",
                  "emotion": "neutral", "true_label": int(task.labels[row]), "audio_features": vectors["audio"],
                  "text_features": vectors["text"]}  # fmt: skip
        with path.open("wb") as file:
            pickle.dump(sample, file)
    return paths


def with_torchs_dropout(built: nn.Module) -> nn.Module:
    """Return the network with torch's own dropout in place of ours, which costs more."""
    for module in list(built.modules()):
        for name, child in module.named_children():
            if isinstance(child, noise.Dropout):
                setattr(module, name, nn.Dropout(child.p))
    return built


def clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Wall clock of a call, and processor time of this process."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def product_speed(threads: int) -> float:
    """The best of 20 products of 2048² float32 matrices, in floating-point operations a second."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    x = torch.randn(2048, 2048)
    best = min(clocks(lambda: x @ x)[0] for _ in range(20))
    torch.set_num_threads(before)
    return 2 * 2048**3 / best


def used(built: nn.Module, widths: dict[str, int]) -> int:
    """How many parameters a step uses: those that get a gradient."""
    built({m: torch.zeros(2, d) for m, d in widths.items()}).sum().backward()
    return sum(p.numel() for p in built.parameters() if p.grad is not None)


def rival(paths: list[Path], epochs: int, workers: int, weights: np.ndarray) -> list[tuple[float, float]]:
    """Train from pickles; return seconds and validation UAR of every epoch."""
    torch.manual_seed(0)
    built = models.build("flexible_at", WIDTHS, CLASSES, hidden=RECIPE.hidden, dropout=RECIPE.dropout)
    built = with_torchs_dropout(built)
    optimiser = torch.optim.AdamW(built.parameters(), lr=RECIPE.learning_rate, weight_decay=RECIPE.weight_decay)
    criterion = nn.CrossEntropyLoss(weight=torch.as_tensor(weights, dtype=torch.float32))
    options = {"batch_size": RECIPE.batch_size, "num_workers": workers, "persistent_workers": workers > 0}
    training = DataLoader(Pickles(paths[:TRAIN]), shuffle=True, **options)
    validation = DataLoader(Pickles(paths[TRAIN:]), **options)
    done = []
    for _ in range(epochs):
        begin = time.perf_counter()
        built.train()
        for batch in training:
            optimiser.zero_grad()
            loss = criterion(built({m: batch[m] for m in WIDTHS}), batch["label"])
            loss.backward()
            nn.utils.clip_grad_norm_(built.parameters(), RECIPE.clip_norm)
            optimiser.step()
        built.eval()
        truth, answers = [], []
        with torch.no_grad():
            for batch in validation:
                answers.append(built({m: batch[m] for m in WIDTHS}).argmax(dim=1))
                truth.append(batch["label"])
        scored = stats.uar(stats.confusion(torch.cat(truth).numpy(), torch.cat(answers).numpy(), CLASSES))
        done.append((time.perf_counter() - begin, float(scored)))
    return done


def ours(task: Task, epochs: int) -> list[tuple[float, float]]:
    """Train from arrays; return seconds and validation UAR of every epoch. What is done once is in the first."""
    rows, ends = np.arange(len(task.labels)), [time.perf_counter()]

    def scored(predicted: np.ndarray, validation: np.ndarray) -> dict[str, float]:
        found = task.scored(predicted, validation)
        ends.append(time.perf_counter())
        return found

    watched = Task(task.features, task.labels, task.corpora, task.classes)
    object.__setattr__(watched, "scored", scored)
    training = RECIPE.model_copy(update={"epochs": epochs})
    fitted = network.fit(watched, rows[:TRAIN], rows[TRAIN:], system=SYSTEM, training=training, seed=0, device="cpu")
    return list(zip(np.diff(ends), [epoch["mean"] for epoch in fitted.history], strict=True))


def row(name: str, threads: int, done: list[tuple[float, float]], base: float | None = None, limit: float = 0) -> float:
    """Print a line of the table; return the seconds of an epoch."""
    seconds = statistics.median(time for time, _ in done[1:])
    ratio = f"{seconds / base:5.2f}  (at least {limit:.0f})" if base else ""
    print(f"{name:34} {threads:7} {done[0][0]:9.2f} {seconds:9.2f} {max(uar for _, uar in done):9.3f}   {ratio}",
          flush=True)  # fmt: skip
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    given = parser.parse_args()
    torch.multiprocessing.set_sharing_strategy("file_system")
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
          f"{platform.python_version()}, torch {torch.__version__}\n\n{'':34} threads 1st epoch     epoch  best UAR"
          f"   rival / ours")  # fmt: skip
    task = generated()
    counts = np.bincount(task.labels[:TRAIN], minlength=CLASSES)
    weights = TRAIN / (CLASSES * counts)
    with tempfile.TemporaryDirectory() as place:
        files = {kind: write(task, Path(place, kind), kind) for kind in LIMITS}
        for threads in given.threads:
            device.prepare("cpu", threads)
            built = models.build("flexible_at", WIDTHS, CLASSES, hidden=RECIPE.hidden, dropout=RECIPE.dropout)
            operations = (6 * TRAIN + 2 * VALIDATION) * used(built, WIDTHS)
            alone = operations / product_speed(threads)
            base = row("ours", threads, ours(task, given.epochs))
            print(f"{'products alone':34} {threads:7} {'':9} {alone:9.2f} {'':11} {alone / base:6.0%} of ours")
            for kind, paths in files.items():
                for workers in given.workers:
                    done = rival(paths, given.epochs, workers, weights)
                    took = row(f"rival, {kind}, {workers} workers", threads, done, base, LIMITS[kind])
                    print(f"{'':54} products alone: {took / alone:5.2f}")


if __name__ == "__main__":
    main()
