"""The gradient of a training step does not depend on how it is computed."""

import os
import socket
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import multiprocessing

from mer.training.finetune import steps
from mer.training.finetune.loop import Finetuning
from tests.training.finetune import toy_encoders
from tests.training.finetune.conftest import COUNT


def gradients(task, **encoders):
    """The gradient of the first step, and its loss."""
    one = toy_encoders.job(COUNT, batch_size=18, encoders={"learning_rate": 1e-2, **encoders})
    training = Finetuning(task, one, "cpu")
    loss = training.gradient.compute(training.course, next(training.epoch_steps()))
    return torch.cat([vector.grad for vector in training.course.vectors]), loss


@pytest.fixture(scope="module")
def plain(task):
    return gradients(task)


def assert_same(one, other):
    assert other[1] == pytest.approx(one[1], rel=1e-5)
    scale = float(one[0].abs().max())
    assert scale > 1e-3
    np.testing.assert_allclose(one[0].numpy(), other[0].numpy(), atol=2e-5 * scale, rtol=2e-4)


@pytest.mark.parametrize("parts", [2, 5, 18, 100])
def test_accumulation_gives_the_same_gradient(task, plain, parts):
    assert_same(plain, gradients(task, accumulation=parts))


def test_checkpointing_gives_the_same_gradient(task, plain):
    assert_same(plain, gradients(task, gradient_checkpointing=True))


def test_checkpointing_gives_the_same_gradient_of_whisper(tmp_path):
    inputs = toy_encoders.networks(tmp_path, "whisper")
    task = toy_encoders.task(tmp_path / "store", inputs, toy_encoders.clips(COUNT))
    assert_same(gradients(task), gradients(task, gradient_checkpointing=True, accumulation=3))


@pytest.mark.parametrize("kind", ["wav2vec2", "whisper", "hubert-layer"])
def test_vector_in_training_does_not_depend_on_its_company(kind, tmp_path):
    inputs = toy_encoders.networks(tmp_path, kind)
    waveforms = toy_encoders.clips(6)
    task = toy_encoders.task(tmp_path / "store", inputs, waveforms)
    training = Finetuning(task, toy_encoders.job(6), "cpu")
    encoder, options = training.model.encoders["audio"], training.training.encoders
    encoder.model.train()
    together = encoder.forward(waveforms, options, range(6))
    alone = torch.cat([encoder.forward([clip], options, [n]) for n, clip in enumerate(waveforms)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert together.std(dim=0).max() > 0.01


@pytest.mark.parametrize("kind", ["wavlm", "wav2vec2", "whisper", "w2v-bert"])
@pytest.mark.parametrize("options", [{}, {"pooling": "mean_std", "layer": "all"}, {"keep": "frames", "max_frames": 3}],
                         ids=["mean", "deviation", "frames"])  # fmt: skip
def test_vectors_in_training_are_those_of_the_extractor(kind, options, tmp_path):
    inputs = toy_encoders.networks(tmp_path, kind)
    inputs["audio"] |= options
    waveforms = toy_encoders.clips(4)
    encoder = steps.Encoder.__args__[0](toy_encoders.read_inputs(inputs)["audio"], None, "cpu")
    encoder.model.eval()
    trained = encoder.forward(waveforms, toy_encoders.Training().encoders, range(4)).detach().numpy()
    np.testing.assert_allclose(trained, np.stack(encoder.vectors(waveforms)), atol=2e-3 if "keep" in options else 1e-5)


def _worker(rank, port, task, result):
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}  # fmt: skip
    torch.set_num_threads(1)
    result[rank] = tuple(value.numpy() if hasattr(value, "numpy") else value for value in gradients(task))
    torch.distributed.destroy_process_group()


def test_two_processes_give_the_gradient_of_one(task, plain):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        result = manager.dict()
        workers = [context.Process(target=_worker, args=(rank, port, task, result)) for rank in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
            assert worker.exitcode == 0
        (first, loss), (second, _) = (result[rank] for rank in range(2))
    assert (first == second).all()
    assert_same(plain, (torch.as_tensor(first), loss))


def test_out_of_memory_halves_the_parts_and_says_so(task, plain, monkeypatch, capsys):
    original = steps.StepGradient._loss

    def limited(self, step, part):
        if len(part) > 5:
            raise torch.OutOfMemoryError("simulated")
        return original(self, step, part)

    monkeypatch.setattr(steps.StepGradient, "_loss", limited)
    assert_same(plain, gradients(task))
    printed = capsys.readouterr().out
    assert [n for n in (2, 4, 8) if f"accumulation is {n} from now on" in printed] == [2, 4]
    monkeypatch.setattr(steps.StepGradient, "_loss", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("always")))
    with pytest.raises(torch.OutOfMemoryError):
        gradients(task)


def test_hidden_inputs_do_not_reach_their_encoder(task):
    one = toy_encoders.job(COUNT, modality_dropout=0.9, batch_size=18)
    training = Finetuning(task, one, "cpu")
    step = next(training.epoch_steps())
    assert (~step.visible[:, 0]).any()
    forward, counted = training.model.encoders["audio"].forward, []
    training.model.encoders["audio"].forward = lambda items, *more: counted.append(len(items)) or forward(items, *more)
    training.gradient.compute(training.course, step)
    assert sum(counted) == int(step.visible[:, 0].sum())


def test_padding_is_below_five_percent(task):
    training = Finetuning(task, toy_encoders.job(COUNT, batch_size=18), "cpu")
    training.gradient.compute(training.course, next(training.epoch_steps()))
    for encoder in training.model.encoders.values():
        assert encoder.computed > 0
        assert encoder.padded <= 0.05 * encoder.computed


def test_other_seeds_give_other_first_steps(task):
    one = toy_encoders.job(COUNT)
    orders = [next(Finetuning(task, replace(one, seed=seed), "cpu").epoch_steps()).rows.tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]


@pytest.mark.parametrize(("kind", "train"), [("wavlm", "all"), ("wav2vec2", {"top": 1}), ("whisper", {"top": 2})])
def test_stored_frames_of_the_frozen_part_give_the_same_gradient(kind, train, tmp_path, monkeypatch):
    """Up to the rounding of the stored frames to 16 bits."""
    inputs = toy_encoders.with_train(toy_encoders.networks(tmp_path, kind), train)
    task = toy_encoders.task(tmp_path / "store", inputs, toy_encoders.clips(COUNT))
    stored = gradients(task)
    assert len(list((tmp_path / "store").glob("frozen-*/*.npy"))) == 1
    run = "run_upper"
    training = Finetuning(task, toy_encoders.job(COUNT, batch_size=18), "cpu")
    monkeypatch.setattr(training.model.encoders["audio"].network, run, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # the frames are read
        training.gradient.compute(training.course, next(training.epoch_steps()))
    monkeypatch.setattr(steps.Encoder.__args__[0], "store_frozen", lambda *_: None)
    computed = gradients(task)
    assert stored[1] == pytest.approx(computed[1], rel=2e-3)
    scale = float(computed[0].abs().max())
    assert float((stored[0] - computed[0]).abs().max()) < 0.01 * scale
