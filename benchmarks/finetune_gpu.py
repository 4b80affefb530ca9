"""End-to-end training at real sizes: WavLM-base and RoBERTa-base with a fusion network, on one device.

    python -m benchmarks.finetune_gpu --out finetune_gpu.json                              # on a GPU, a few minutes
    python -m benchmarks.finetune_gpu --device cpu --blocks 1 --batches 2 --steps 1 --utterances 16   # tries it out

The networks have the sizes of microsoft/wavlm-base and roberta-base and random weights, so that nothing is downloaded.
Recordings are noise with durations of real utterances: log-normal, a median of 2.7 s, 0.7 to 15 s. For each precision
and batch, the table states utterances per second, the share of the device's own peak (products of square matrices in
the same precision), peak memory and the padding. The convolutions of WavLM are frozen, as is the default, and their
frames are computed once, before the timed steps. A batch that does not fit is said to have run out of memory.
"""

import argparse
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import tokenizers
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from mer import files
from mer.features import Features, encoder_items
from mer.features.pretrained.audio import fast_linear
from mer.media import audio, recordings
from mer.params.features import read_inputs
from mer.params.schema import System, Training
from mer.training.engines import device as devices
from mer.training.finetune.loop import Finetuning
from mer.training.job import Job
from mer.training.task import Task

CLASSES = 7
WIDTH = 768
WORDS = ("the", "of", "and", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "as", "with")
DECODING = recordings.spec(0.2, 30.0)
TYPES = {"full": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Precision -> the type of numbers in products."""


def save_networks(folder: Path, blocks: int) -> dict[str, dict]:
    """Save both networks with random weights; return the parameters of the inputs that read them."""
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": blocks}
    transformers.WavLMModel(transformers.WavLMConfig(**sizes)).save_pretrained(folder / "wavlm")
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder / "wavlm")
    text = transformers.RobertaConfig(vocab_size=50_265, max_position_embeddings=514, type_vocab_size=1, **sizes)
    transformers.RobertaModel(text).save_pretrained(folder / "roberta")
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    model = tokenizers.models.WordLevel({word: n for n, word in enumerate((*special, *WORDS))}, unk_token=special[3])
    plain = tokenizers.Tokenizer(model)
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    names = dict(zip(("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), special, strict=True))
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=plain, **names)
    words.save_pretrained(folder / "roberta")
    return {"audio": {"extractor": "encoder", "model": str(folder / "wavlm"), "train": "all"},
            "text": {"extractor": "encoder", "model": str(folder / "roberta"), "train": "all"}}  # fmt: skip


def make_task(folder: Path, inputs: dict[str, dict], utterances: int) -> Task:
    """Return a task of noise and random words, decoded into a store below `folder`."""
    random = np.random.default_rng(0)
    seconds = np.clip(random.lognormal(np.log(2.7), 0.55, utterances), 0.7, 15.0)
    keys = {"audio": [f"clip{n}" for n in range(utterances)],
            "text": [" ".join(random.choice(WORDS, max(1, round(2.5 * one)))) + f" {n}"
                     for n, one in enumerate(seconds)]}  # fmt: skip

    def noise(key: str) -> np.ndarray:
        number = int(key.removeprefix("clip"))
        size = round(audio.RATE_HZ * seconds[number])
        return np.random.default_rng(number).normal(0, 0.1, size).astype(np.float32)

    recordings.Recordings(folder, DECODING).decode(keys["audio"], noise)
    items = encoder_items.load(read_inputs(inputs), keys, folder, dict.fromkeys(inputs, DECODING))
    vectors = {name: random.normal(size=(utterances, WIDTH)).astype(np.float32) for name in inputs}  # for their width
    present = {name: np.ones(utterances, bool) for name in inputs}
    features = Features(vectors, present, dict.fromkeys(inputs, "encoder"), items=items)
    return Task(features, np.arange(utterances) % CLASSES, np.full(utterances, "c"), CLASSES)


def training(task: Task, batch: int, precision: str, device: str) -> Finetuning:
    """Return a training of all layers of both networks, ready for its first step."""
    values = {"batch_size": batch, "hidden": 256, "encoders": {"learning_rate": 1e-5, "precision": precision}}
    rows = np.arange(len(task.labels))
    system = System(model="robust_at", inputs=("audio", "text"))
    return Finetuning(task, Job("tuned", None, system, Training.model_validate(values), 0, rows, rows[:0], rows[:0]),
                      device)  # fmt: skip


def measure(one: Finetuning, steps: int, device: str) -> dict[str, float | None]:
    """Return utterances per second, operations per second, peak memory in GB (of a GPU) and padding of the steps."""
    begin, count, passed = 0.0, 0, 0
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    while passed <= steps:
        for step in one.epoch_steps():
            if passed == 1:  # the first step is warm-up
                begin = _clock(device)
            one.gradient.compute(one.course, step)
            one.course.update()
            count += len(step.rows) if passed else 0
            passed += 1
            if passed > steps:
                break
    elapsed = _clock(device) - begin
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None
    # operations of oneDNN are not counted, so that this step does without; gradients take twice as many as the forward
    slow = mock.patch.object(fast_linear, "available", return_value=False)
    with slow, FlopCounterMode(display=False) as counter, torch.no_grad():
        one.gradient._loss(step, torch.arange(len(step.rows)))
    operations = 3 * counter.get_total_flops() / len(step.rows) * count
    encoder = one.model.encoders["audio"]
    return {"utterances_per_second": count / elapsed, "operations_per_second": operations / elapsed,
            "memory_gb": memory, "padding": encoder.padded / max(encoder.computed, 1)}  # fmt: skip


def _clock(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak(precision: str, device: str) -> float:
    """Return the operations per second of large products of matrices."""
    size = 8192 if device == "cuda" else 1024
    x = torch.randn(size, size, device=device, dtype=TYPES[precision])
    times = []
    for _ in range(6):
        begin = _clock(device)
        x @ x
        times.append(_clock(device) - begin)
    return 2 * size**3 / min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--blocks", type=int, default=12, help="blocks of each network; both have 12")
    parser.add_argument("--utterances", type=int, default=2048)
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path, help="a JSON file with the same figures")
    arguments = parser.parse_args()
    device = devices.prepare(arguments.device, 1)
    precisions = ("full", "bf16", "fp16") if device == "cuda" else ("full",)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        inputs = save_networks(Path(place), arguments.blocks)
        task = make_task(Path(place) / "store", inputs, arguments.utterances)
        for precision in precisions:
            best = peak(precision, device)
            for batch in arguments.batches:
                row = {"precision": precision, "batch": batch}
                try:
                    row |= measure(training(task, batch, precision, device), arguments.steps, device)
                except torch.OutOfMemoryError:
                    print(f"{precision}, batch {batch}: out of memory")
                    continue
                row["share_of_peak"] = row["operations_per_second"] / best
                rows.append(row)
                memory = "" if row["memory_gb"] is None else f"{row['memory_gb']:.1f} GB, "
                print(f"{precision}, batch {batch}: {row['utterances_per_second']:.1f} utterances/s, "
                      f"{row['operations_per_second'] / 1e12:.2f} of {best / 1e12:.2f} TFLOP/s, "
                      f"{memory}padding {row['padding']:.1%}", flush=True)  # fmt: skip
    if arguments.out:
        about = {"device": devices.describe(device), "blocks": arguments.blocks, "steps": arguments.steps}
        files.write_json(arguments.out, {**about, "rows": rows})


if __name__ == "__main__":
    main()
