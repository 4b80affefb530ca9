"""Utterances per second of encoder training: MER beside `transformers.Trainer`, same network, recordings and precision.

    python -m benchmarks.finetune --corpora FOLDER --encoder FOLDER [--utterances 256] [--threads 1] [--steps 6]

Both train all of the encoder with a head on the mean over frames (float32, AdamW, batches of the same size), on
recordings of the given corpora with their own durations. Reading the recordings, features and the optimiser are timed,
too; the first training step is not. Times are processor times, which compare on a busy machine, too. With Whisper,
transformers reads 30 s of every recording; with `--encoder wav2vec2`, a network of wav2vec 2.0 of about the same size
with random weights, the Trainer is timed as it comes and with batches by length; the convolutions are frozen in both,
and MER computes them once, before the timed steps.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mer.features import Features, encoder_items
from mer.features.pretrained.audio import fast_linear
from mer.media import audio, recordings
from mer.params.features import read_inputs
from mer.params.schema import System, Training
from mer.training.finetune.loop import Finetuning
from mer.training.job import Job
from mer.training.task import Task

CLASSES = 7
DECODING = recordings.spec(0.2, 30.0)


def load_recordings(folder: Path, count: int) -> list[np.ndarray]:
    """Return recordings, evenly spaced over all that a folder has."""
    paths = sorted([*folder.rglob("*.flac"), *folder.rglob("*.wav")])
    chosen = [paths[int(n)] for n in np.linspace(0, len(paths) - 1, count)]
    return [audio.read_mono(path, min_seconds=0.2, max_seconds=30.0) for path in chosen]


def wav2vec2(folder: Path) -> Path:
    """Save a network of wav2vec 2.0 with the convolutions of `base` and four blocks of width 384."""
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(hidden_size=384, num_hidden_layers=4, num_attention_heads=6,
                                         intermediate_size=1536, feat_extract_norm="layer", layerdrop=0.0,
                                         do_stable_layer_norm=True, apply_spec_augment=False)  # fmt: skip
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def training_of_mer(clips: Sequence[np.ndarray], encoder: Path, store: Path, batch: int) -> Finetuning:
    """Return a training of MER, ready for its first step."""
    inputs = read_inputs({"audio": {"extractor": "encoder", "model": str(encoder), "train": "all"}})
    keys = {"audio": [f"clip{n}" for n in range(len(clips))]}
    decoded = recordings.Recordings(store, DECODING)
    decoded.decode(keys["audio"], lambda key: clips[int(key.removeprefix("clip"))])
    items = encoder_items.load(inputs, keys, store, {"audio": DECODING})
    width = transformers.AutoConfig.from_pretrained(encoder).hidden_size
    vectors = np.random.default_rng(0).normal(size=(len(clips), width)).astype(np.float32)  # only their width is used
    features = Features({"audio": vectors}, {"audio": np.ones(len(clips), bool)}, {"audio": "encoder"}, items=items)
    labels = np.arange(len(clips)) % CLASSES
    task = Task(features, labels, np.full(len(clips), "c"), CLASSES)
    training = Training.model_validate({"batch_size": batch, "dropout": 0.0, "modality_dropout": 0.0, "hidden": 64})
    rows = np.arange(len(clips))
    return Finetuning(task, Job("tuned", None, System(model="concat", inputs=("audio",)), training, 0, rows, rows[:0],
                                rows[:0]), "cpu")  # fmt: skip


def speed_of_mer(training: Finetuning, steps: int) -> tuple[float, float]:
    """Return utterances per second, and operations per second."""
    count, begin, operations = 0, 0.0, 0
    for number, step in enumerate(training.epoch_steps()):
        if number == 1:
            begin = time.process_time()
        training.gradient.compute(training.course, step)
        training.course.update()
        count += len(step.rows) if number else 0
        if number == steps:
            break
    elapsed = time.process_time() - begin
    # operations of oneDNN are not counted, so that this step does without; gradients take twice as many as the forward
    slow = mock.patch.object(fast_linear, "available", return_value=False)
    with slow, FlopCounterMode(display=False) as counter, torch.no_grad():
        training.gradient._loss(step, torch.arange(len(step.rows)))
    operations = 3 * counter.get_total_flops() / len(step.rows) * count
    return count / elapsed, operations / elapsed


class WithHead(nn.Module):
    """An encoder of transformers with a linear head on the mean over its frames."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, CLASSES)

    def forward(self, labels: torch.Tensor, frames: torch.Tensor, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        states = self.encoder(**inputs).last_hidden_state
        valid = torch.arange(states.shape[1]) < frames[:, None]
        mean = (states * valid[..., None]).sum(dim=1) / frames[:, None]
        logits = self.head(mean)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def speed_of_trainer(clips: Sequence[np.ndarray], encoder: Path, steps: int, batch: int, by_length: bool) -> float:
    """Return utterances per second of `transformers.Trainer`."""
    prepare = transformers.AutoFeatureExtractor.from_pretrained(encoder)
    model = transformers.AutoModel.from_pretrained(encoder, dtype=torch.float32)
    is_whisper = model.config.model_type == "whisper"
    if not is_whisper:
        model.freeze_feature_encoder()  # as MER does by default
    network = WithHead(model.encoder if is_whisper else model, model.config.hidden_size)
    hop = 320

    def collate(numbers: list[dict[str, int]]) -> dict[str, torch.Tensor]:
        chosen = [clips[item["number"]] for item in numbers]
        labels = torch.tensor([item["number"] % CLASSES for item in numbers])
        frames = torch.tensor([max(1, -(-len(clip) // hop) - (0 if is_whisper else 1)) for clip in chosen])
        more = {} if is_whisper else {"padding": True, "return_attention_mask": True}
        inputs = prepare(chosen, sampling_rate=audio.RATE_HZ, return_tensors="pt", **more)
        return {**inputs, "labels": labels, "frames": frames}

    stamps: list[float] = []

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            stamps.append(time.process_time())

    data = [{"number": n, "input_ids": range(len(clip))} for n, clip in enumerate(clips)]
    with tempfile.TemporaryDirectory() as place:
        grouping = {"train_sampling_strategy": "group_by_length"} if by_length else {}
        options = transformers.TrainingArguments(
            place, per_device_train_batch_size=batch, max_steps=steps + 1, report_to=[], save_strategy="no",
            use_cpu=True, remove_unused_columns=False, disable_tqdm=True, logging_strategy="no", **grouping,
        )  # fmt: skip
        trainer = transformers.Trainer(network, options, train_dataset=data, data_collator=collate,
                                       callbacks=[Clock()])  # fmt: skip
        trainer.train()
    return batch * (len(stamps) - 1) / (stamps[-1] - stamps[0])


def peak() -> float:
    """Return the operations per second of large products of matrices (float32)."""
    x = torch.randn(2048, 2048)
    return 2 * 2048**3 / min(_seconds(lambda: torch.ops.mkldnn._linear_pointwise(x, x, None, "none", [], ""))
                             for _ in range(5))  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--encoder", default="wav2vec2", help="a folder, or wav2vec2 for random weights")
    parser.add_argument("--utterances", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clips = load_recordings(arguments.corpora, arguments.utterances)
    seconds = np.array([len(clip) for clip in clips]) / audio.RATE_HZ
    print(f"{len(clips)} recordings of {seconds.min():.1f} to {seconds.max():.1f} s, median {np.median(seconds):.1f} s")
    with tempfile.TemporaryDirectory() as place:
        random = arguments.encoder == "wav2vec2"
        encoder = wav2vec2(Path(place) / "network") if random else Path(arguments.encoder)
        training = training_of_mer(clips, encoder, Path(place) / "store", arguments.batch)
        own, operations = speed_of_mer(training, arguments.steps)
        padded, computed = training.model.encoders["audio"].padded, training.model.encoders["audio"].computed
        print(f"MER: {own:.2f} utterances/s, {operations / 1e9:.1f} of {peak() / 1e9:.1f} GFLOP/s, padding "
              f"{padded / computed:.1%}")  # fmt: skip
        for by_length in (False, True) if random else (False,):
            other = speed_of_trainer(clips, encoder, arguments.steps, arguments.batch, by_length)
            how = "batches by length" if by_length else "as it comes"
            print(f"Trainer, {how}: {other:.2f} utterances/s; MER is {own / other:.2f} times as fast")


if __name__ == "__main__":
    main()
