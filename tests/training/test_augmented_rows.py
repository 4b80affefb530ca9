"""Augmented rows are read by trainings that ask for them, and only if all of their sources are training rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer import files
from mer.evaluation.ablations import altered_tests
from mer.evaluation.protocols import negative_control
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.protocols.jobs import build_task
from mer.evaluation.purity import row_access
from mer.features import Features
from mer.params.ablations import Ablation
from mer.params.augmentation import Augmentation
from mer.params.schema import System, Training
from mer.report.pages import model_card
from mer.training import grid
from mer.training.cache.address import JobIdentity
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.task import Augmented, Task

N, COPIES, WIDTH = 60, 40, 4
CLASSES = ("neutral", "anger", "fear")
AUGMENTED = Training(augmented=True, inverse_regularisation=(0.1,), epochs=3, hidden=4)


def manifest():
    rows = np.arange(N)
    return pd.DataFrame({
        "utterance_id": [f"u{n}" for n in rows], "corpus": np.where(rows < N // 2, "a", "b"),
        "family": np.where(rows < N // 2, "a", "b"), "speaker_id": [f"s{n // 6}" for n in rows],
        "emotion": np.array(CLASSES)[rows % 3], "split": "train", "fold": rows // 6 % 5,
    })  # fmt: skip


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    origin = rng.integers(0, N, COPIES)
    sources = np.stack([origin, rng.integers(0, N, COPIES)], axis=1)
    sources[: COPIES // 2, 1] = origin[: COPIES // 2]  # made of one recording
    x = rng.normal(size=(N + COPIES, WIDTH)).astype(np.float32)
    features = Features({"audio": x}, {"audio": np.ones(N + COPIES, bool)})
    return build_task(manifest(), features, CLASSES, {"soft": np.eye(3, dtype=np.float32)[np.arange(N) % 3]}, sources)


def job(task, training=AUGMENTED, model="logistic"):
    train, validation, test = np.arange(18), np.arange(18, 30), np.arange(30, N)
    return Job("s", Cell("loco", ("a",), "b", 0, train, validation, test), System(model=model, inputs=("audio",)),
               training, 0, train, validation, test)  # fmt: skip


@given(st.data())
def test_a_copy_is_trained_on_only_with_all_of_its_sources(data):
    sources = np.array(data.draw(st.lists(st.lists(st.integers(0, 19), min_size=3, max_size=3), min_size=1)))
    train = np.array(sorted(data.draw(st.sets(st.integers(0, 19), min_size=1))))
    count = 20 + len(sources)
    task = Task(Features({}, {}), np.zeros(count, int), np.zeros(count, str), 2,
                augmented=Augmented(np.arange(20, count), sources))  # fmt: skip
    rows = task.training_rows(train, Training(augmented=True))
    assert rows[: len(train)].tolist() == train.tolist()
    copies = rows[len(train) :] - 20
    assert copies.tolist() == [n for n, own in enumerate(sources) if set(own) <= set(train)]
    assert task.training_rows(train, Training()).tolist() == train.tolist()


@pytest.mark.parametrize(
    ("model", "engine"),
    [("logistic", "single"), ("ridge", "single"), ("svm_rbf", "single"), ("gated", "single"), ("gated", "stacked")],
)
def test_a_training_reads_the_copies_as_rows(task, model, engine):
    augmented = job(task, model=model)
    by_hand = replace(augmented, training=AUGMENTED.model_copy(update={"augmented": False}),
                      train=task.training_rows(augmented.train, AUGMENTED))  # fmt: skip
    assert len(by_hand.train) > len(augmented.train)
    [first, second] = (grid.run_jobs(task, [one], Engine(engine))[0] for one in (augmented, by_hand))
    assert np.array_equal(first.probabilities, second.probabilities)
    assert first.job == augmented  # results keep the rows of the manifest
    plain = grid.run_jobs(task, [replace(by_hand, train=augmented.train)], Engine(engine))[0]
    assert not np.array_equal(first.probabilities, plain.probabilities)


@pytest.mark.parametrize("model", ["logistic", "gated"])
def test_copies_do_not_change_other_trainings(task, model):
    plain = job(task, AUGMENTED.model_copy(update={"augmented": False}), model)
    alone = task.without_augmented()
    assert len(alone.labels) == N
    first, second = (grid.run_jobs(each, [plain], Engine())[0] for each in (task, alone))
    assert np.array_equal(first.probabilities, second.probabilities)
    for normalisation in ("speaker", "corpus"):
        training = plain.training.model_copy(update={"normalisation": normalisation})
        scaled = [
            each.normalised_for(replace(plain, training=training)).features.arrays["audio"][:N]
            for each in (task, alone)
        ]
        assert np.array_equal(*scaled)


def test_addresses_of_trainings_depend_on_copies_only_if_they_read_them(task):
    other = replace(task, features=replace(task.features, arrays={
        "audio": np.r_[task.features.arrays["audio"][:N], task.features.arrays["audio"][:COPIES]]}))  # fmt: skip
    plain = job(task, AUGMENTED.model_copy(update={"augmented": False}))
    tasks = (task, other, task.without_augmented())
    assert len({str(JobIdentity(each, Engine()).describe(plain)) for each in tasks}) == 1
    assert len({str(JobIdentity(each, Engine()).describe(job(task))) for each in tasks}) == 3


@pytest.mark.parametrize("model", ["logistic", "gated"])
def test_trainings_read_no_copy_of_other_rows(task, model):
    assert row_access.check_row_access(task, [job(task, model=model)]) == {"s": "b"}
    corrupted = row_access.with_corrupted_rows(task, job(task))
    used = task.training_rows(job(task).train, AUGMENTED)
    assert set(np.flatnonzero(corrupted.corpora != "corrupted")) == {*used, *job(task).validation}


def test_a_training_that_reads_copies_of_test_rows_is_noticed(task, monkeypatch):
    allowed = np.r_[task.training_rows(job(task).train, AUGMENTED), job(task).validation]
    unused = np.isin(np.arange(N + COPIES), allowed, invert=True)
    monkeypatch.setattr(row_access, "_unused_rows", lambda *_: unused)
    monkeypatch.setattr(Task, "training_rows", lambda _, train, __: np.r_[train, N : N + COPIES])
    with pytest.raises(row_access.ContaminationError):
        row_access.check_row_access(task, [job(task)])


def test_a_training_without_copies_is_refused_if_it_asks_for_them(task):
    with pytest.raises(ValueError, match="run step 02 with `augmentation`"):
        grid.run_jobs(task.without_augmented(), [job(task)], Engine())


def test_addresses_cover_rows_after_the_copies(task):
    """Ablations append altered test rows."""
    plain, addresses = job(task, AUGMENTED.model_copy(update={"augmented": False})), set()
    for value in (0.0, 1.0):
        [(extended, [changed])] = [altered_tests.altered(task, [plain], Ablation(zero=("audio",)))]
        arrays = {
            "audio": np.r_[extended.features.arrays["audio"][: N + COPIES], np.full((N - 30, WIDTH), value, "f4")]
        }
        other = replace(extended, features=replace(extended.features, arrays=arrays))
        addresses.add(str(JobIdentity(other, Engine()).describe(changed)))
        assert np.array_equal(other.training_rows(plain.train, AUGMENTED), task.training_rows(plain.train, AUGMENTED))
    assert len(addresses) == 2


def test_permuted_labels_move_to_the_copies(task):
    permuted, table = negative_control.with_permuted_labels(task, manifest(), 3)
    numbers = table["emotion"].map({name: n for n, name in enumerate(CLASSES)}).to_numpy()
    assert np.array_equal(permuted.labels, np.r_[numbers, numbers[task.augmented.sources[:, 0]]])
    assert not np.array_equal(permuted.labels, task.labels)
    assert np.array_equal(permuted.targets["soft"].argmax(1), permuted.labels)


SECTION = Augmentation(variants=2, noise={"snr": (5, 20), "kinds": ["white", "pink"]}, gain=True)


@pytest.mark.parametrize("is_augmented", [True, False])
def test_a_card_says_which_alterations_its_model_learnt_from(task, tmp_path, is_augmented):
    rows = manifest().assign(audio_sha256=[f"{n:064x}" for n in range(N)])
    record = StudyRecord({"audio": {"extractor": "mfcc"}}, CLASSES, rows, augmentation=SECTION)
    one = job(task, AUGMENTED.model_copy(update={"augmented": is_augmented}))
    checkpoint.save(tmp_path / "m", grid.fit_job(task, one, "cpu"), one, task, record)
    stored = checkpoint.open_checkpoint(tmp_path / "m")
    assert stored.card.augmentation == (SECTION if is_augmented else None)
    assert ("augmentation" in files.read_json(tmp_path / "m" / "model.json")) == is_augmented
    text = model_card._augmentation(stored)
    assert bool(text) == is_augmented
    if is_augmented:
        assert "2 of each. A copy has 1 of these alterations: noise (snr 5 to 20; kinds white, pink), gain (dec" in text
