"""An epoch of the audio and text fork's simple recipe, its way and ours.

    python -m benchmarks.training [--epochs 4] [--rounds 3] [--threads 1 2] [--workers 0 2]

The recipe: FlexibleAT with vectors of 160 and 768 (1,128,039 parameters), batches of 128, AdamW with a rate of 1e-3 and
a decay of 1e-4, balanced class weights, gradients clipped at 1, 10,000 utterances, and after each epoch the validation
UAR of 1,250. The utterances are made up: a third of what tells the seven classes apart is in the sound, the rest in
the text, and chance decides the others.

The rival is the recipe written from its description: a file per utterance with its dict pickled, a `Dataset` that
unpickles the file that it is asked for, a `DataLoader` with its default collate, the network in `torch.nn`'s own
parts, torch's default AdamW. Two variants: vectors pickled as NumPy arrays, and as tensors. All files are in the
memory of the operating system, as they have just been written; on a disk the rival is slower. Ours is
`mer.training.networks.loop.fit_network` on arrays.

`products` is the share of an epoch that its matrix products would take at the speed of the best of 20 products of
2048² float32 matrices with the same threads: 6 × parameters × samples in training, 2 in validation. (Ours does a third
less in its first layer, of whose normalisation it computes no gradient that nobody needs.)

An epoch is training and validation. Both sides run in this process with the same threads; the rival's worker
processes come on top. Medians over rounds of all sides in turn, and over the epochs after the first of each.
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

from mer import stats
from mer.features import Features
from mer.params.schema import System, Training
from mer.training.engines import device
from mer.training.job import Job
from mer.training.networks import loop
from mer.training.task import Task

TRAIN, VALIDATION, CLASSES = 10_000, 1_250, 7
WIDTHS = {"audio": 160, "text": 768}
LIMITS = {"arrays": 2.0, "tensors": 6.0}
SYSTEM = System(model="flexible_at", inputs=("audio", "text"))
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


class Plain(nn.Module):
    """FlexibleAT for audio and text as one writes it, of `torch.nn`'s own parts."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleDict({m: nn.LayerNorm(d) for m, d in WIDTHS.items()})
        self.projections = nn.ModuleDict({m: nn.Linear(d, d) for m, d in WIDTHS.items()})
        self.gated = nn.ModuleDict({m: nn.Linear(d, hidden, bias=False) for m, d in WIDTHS.items()})
        self.gate = nn.Linear(sum(WIDTHS.values()), hidden, bias=False)
        self.norm, self.merge = nn.LayerNorm(hidden), nn.Linear(hidden, 2 * hidden)
        self.alone = nn.ModuleDict({m: nn.Linear(d, 2 * hidden) for m, d in WIDTHS.items()})  # not used when both are
        self.classify, self.drop = nn.Linear(hidden, CLASSES), nn.Dropout(dropout)
        for weight in (p for p in self.parameters() if p.dim() == 2):
            nn.init.xavier_uniform_(weight)

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        audio, text = (self.drop(self.projections[m](self.norms[m](inputs[m]))) for m in ("audio", "text"))
        z = torch.sigmoid(self.gate(torch.cat([text, audio], dim=1)))
        h = z * torch.tanh(self.gated["text"](text)) + (1 - z) * torch.tanh(self.gated["audio"](audio))
        gate, value = self.merge(self.norm(h)).chunk(2, dim=1)
        return self.classify(self.drop(nn.functional.silu(gate) * value))


def clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Wall clock of a call, and processor time of this process."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def product_speed(threads: int, where: str = "cpu") -> float:
    """The best of 20 products of 2048² float32 matrices, in floating-point operations a second."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    x = torch.randn(2048, 2048, device=where)
    best = min(clocks(lambda: (x @ x)[0, 0].item())[0] for _ in range(20))  # asking for a value waits for a GPU
    torch.set_num_threads(before)
    return 2 * 2048**3 / best


def used(built: nn.Module, widths: dict[str, int]) -> int:
    """How many parameters a step uses: those that get a gradient."""
    built({m: torch.zeros(2, d) for m, d in widths.items()}).sum().backward()
    return sum(p.numel() for p in built.parameters() if p.grad is not None)


def rival(paths: list[Path], epochs: int, workers: int, weights: np.ndarray) -> list[tuple[float, float]]:
    """Train from pickles; return seconds and validation UAR of every epoch."""
    torch.manual_seed(0)
    built = Plain(RECIPE.hidden, RECIPE.dropout)
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
        found = task.score_predictions(predicted, validation)
        ends.append(time.perf_counter())
        return found

    watched = Task(task.features, task.labels, task.corpora, task.classes)
    object.__setattr__(watched, "score_predictions", scored)
    training = RECIPE.model_copy(update={"epochs": epochs})
    job = Job("gated", None, SYSTEM, training, 0, rows[:TRAIN], rows[TRAIN:], rows[:0])
    fitted = loop.fit_network(watched, job)
    return list(zip(np.diff(ends), [epoch["mean"] for epoch in fitted.history], strict=True))


def measured(task: Task, files: dict[str, list[Path]], given: argparse.Namespace) -> dict[str, list[list]]:
    """Run all sides one after the other, and all of that again: a machine has slow minutes, and they hit all alike."""
    counts = np.bincount(task.labels[:TRAIN], minlength=CLASSES)
    weights = TRAIN / (CLASSES * counts)
    runs: dict[str, list[list]] = {}
    for _ in range(given.rounds):
        runs.setdefault("ours", []).append(ours(task, given.epochs))
        for kind, paths in files.items():
            for workers in given.workers:
                done = rival(paths, given.epochs, workers, weights)
                runs.setdefault(f"rival, {kind}, {workers} workers", []).append(done)
    return runs


def print_table(runs: dict[str, list[list]], threads: int, alone: float) -> None:
    """Print a line for each side: medians over the epochs of all rounds, without the first of each."""
    seconds = {name: [statistics.median(s for s, _ in done[1:]) for done in rounds] for name, rounds in runs.items()}
    for name, rounds in runs.items():
        first = statistics.median(done[0][0] for done in rounds)
        best = statistics.median(max(uar for _, uar in done) for done in rounds)
        ratios = [theirs / own for theirs, own in zip(seconds[name], seconds["ours"], strict=True)]
        took = statistics.median(seconds[name])
        told = f"{statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if name != "ours" else ""
        print(f"{name:28} {threads:7} {first:9.2f} {took:7.2f} {alone / took:9.0%} {best:8.3f}   {told}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    given = parser.parse_args()
    torch.multiprocessing.set_sharing_strategy("file_system")
    asked = " and ".join(f"{limit:.0f} with {kind}" for kind, limit in LIMITS.items())
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
          f"{platform.python_version()}, torch {torch.__version__}\n\n{'':28} threads 1st epoch   epoch  products "
          f"best UAR   rival / ours (at least {asked})")  # fmt: skip
    task = generated()
    operations = (6 * TRAIN + 2 * VALIDATION) * used(Plain(RECIPE.hidden, RECIPE.dropout), WIDTHS)
    with tempfile.TemporaryDirectory() as place:
        files = {kind: write(task, Path(place, kind), kind) for kind in LIMITS}
        for threads in given.threads:
            device.prepare("cpu", threads)
            print_table(measured(task, files, given), threads, operations / product_speed(threads))


if __name__ == "__main__":
    main()
