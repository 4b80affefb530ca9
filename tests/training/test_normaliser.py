"""The kinds of `training.normalisation`: what they read, what they store, and what they do to odd values."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from mer.evaluation.protocols.cells import Cell
from mer.evaluation.purity import row_access
from mer.features import Features
from mer.params.normalisation import FITTED, GROUPS
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.cache.results import ResultCache
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import Card
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.scaling import coral, normaliser, ranks, shrinkage
from mer.training.scaling.by_group import RowGroups
from mer.training.scaling.normaliser import Normaliser
from mer.training.task import Task

CASCADES = (("corpus", "speaker_shrunk"), ("speaker_shrunk", "coral"), ("ranks", "speaker"))
KINDS = ("none", "training", "ranks", *GROUPS, *CASCADES)
BY_SPEAKER = ("speaker", "speaker_shrunk", "speaker_ranks")


def task(names="abcd", speakers=4, clips=12, seed=0, width=6):
    """Corpora of three classes whose speakers differ; one row in nine has no audio."""
    parts = []
    for name in names:
        generator = np.random.default_rng([seed, ord(name)])
        labels = np.arange(speakers * clips) % 3
        who = np.repeat(np.arange(speakers), clips)
        audio = generator.normal(size=(len(labels), width)) + 2 * np.eye(width)[labels]
        audio = audio * generator.uniform(0.5, 2, width) + generator.normal(0, 3, (speakers, width))[who] + ord(name)
        parts.append((audio, labels, np.full(len(labels), name), np.char.add(f"{name}/", who.astype(str))))
    audio, labels, corpora, speaker = (np.concatenate(column) for column in zip(*parts, strict=True))
    present = np.arange(len(labels)) % 9 != 4
    features = Features({"audio": np.where(present[:, None], audio, 0).astype(np.float32)}, {"audio": present})
    return Task(features, labels, corpora, 3, {}, {"speaker": speaker, "corpus": corpora})


def job(data, kind, model="logistic", test="a", train="bc", **training):
    rows = {name: np.flatnonzero(np.isin(data.corpora, list(name)) & data.features.present["audio"])
            for name in (test, train)}  # fmt: skip
    cell = Cell("loco", tuple(train), test, 0, rows[train], rows[train][:0], rows[test])
    validation = rows[train][::5]
    settings = Training(normalisation=kind, inverse_regularisation=(0.1,), epochs=2, hidden=4, **training)
    return Job("s", cell, System(model=model, inputs=("audio",)), settings, 0,
               np.setdiff1d(rows[train], validation), validation, rows[test])  # fmt: skip


def answers(data, kind, **options):
    [result] = grid.run_jobs(data, [job(data, kind, **options)], Engine())
    return result.probabilities


def without(data, name):
    """The task without a corpus."""
    keep = data.corpora != name
    features = replace(data.features, arrays={"audio": data.features.arrays["audio"][keep]},
                       present={"audio": data.features.present["audio"][keep]})  # fmt: skip
    groups = {kind: values[keep] for kind, values in data.groups.items()}
    return Task(features, data.labels[keep], data.corpora[keep], 3, {}, groups)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_depend_neither_on_classes_of_the_test_corpus_nor_on_other_corpora(kind):
    data = task()
    expected = answers(data, kind)
    wrong = replace(data, labels=np.where(data.corpora == "a", (data.labels + 1) % 3, data.labels))
    assert (answers(wrong, kind) == expected).all()
    assert (answers(without(data, "d"), kind) == expected).all()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_do_not_depend_on_the_order_of_rows(kind):
    data = task()
    order = np.random.default_rng(1).permutation(len(data.labels))
    parts = (data.features.arrays, data.features.present)
    features = Features(*({"audio": part["audio"][order]} for part in parts))
    shuffled = Task(features, data.labels[order], data.corpora[order], 3, {},
                    {name: values[order] for name, values in data.groups.items()})  # fmt: skip
    own, place = job(data, kind), np.argsort(order)
    moved = replace(own, train=np.sort(place[own.train]), validation=place[own.validation], test=place[own.test])
    [mixed] = grid.run_jobs(shuffled, [moved], Engine())
    np.testing.assert_allclose(mixed.probabilities, answers(data, kind), atol=5e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_training_reads_its_own_rows_only(kind):
    data = task()
    row_access.check_row_access(data, [job(data, kind)])
    fewer = replace(job(data, kind), train=job(data, kind).train[5:])  # as if the family kept five rows out
    row_access.check_row_access(data, [fewer])
    everyone = replace(data, groups=dict.fromkeys(data.groups, np.full(len(data.labels), "everyone")))
    if Training(normalisation=kind).transductive:
        with pytest.raises(ValueError, match="fitted on rows outside"):
            row_access.check_row_access(everyone, [job(data, kind)])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if Training(normalisation=kind).transductive])
def test_test_corpus_is_scaled_by_all_of_its_rows(kind):
    """A shift and a scale of a whole test corpus change nothing, whatever part of it is tested."""
    data = task()
    audio = data.features.arrays["audio"]
    moved = np.where((data.corpora == "a")[:, None], 3 * audio + 50, audio)
    shifted = replace(data, features=replace(data.features, arrays={"audio": moved.astype(np.float32)}))
    if kind[0] != "ranks":
        np.testing.assert_allclose(answers(shifted, kind), answers(data, kind), atol=2e-3)
    half = job(data, kind)
    half = replace(half, test=half.test[::2])
    [result] = grid.run_jobs(data, [half], Engine())
    np.testing.assert_array_equal(result.probabilities, answers(data, kind)[::2])


@pytest.mark.parametrize("model", ["logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf", "concat"])
@pytest.mark.parametrize("kind", ["none", "corpus", "speaker_shrunk", "ranks", "coral", ("corpus", "speaker_shrunk")])
def test_checkpoint_predicts_as_in_its_study(model, kind, tmp_path):
    data = task()
    one = job(data, kind, model)
    fitted = grid.fit_job(data, one, "cpu")
    card = Card(model=model, inputs=["audio"], widths={"audio": 6}, classes=["x", "y", "z"], layers={},
                training=one.training, temperature=fitted.temperature)  # fmt: skip
    checkpoint.write(tmp_path, checkpoint.tensors_of(fitted), card, None)
    loaded, stored = checkpoint.load(tmp_path)
    assert stored.card.training == one.training
    [result] = grid.run_jobs(data, [one], Engine())
    np.testing.assert_allclose(checkpoint.predict(loaded, stored, data, one.test), result.probabilities, atol=1e-6)
    [alone] = checkpoint.normalised(loaded, stored, data.features, None)
    assert np.isfinite(loaded.predict(alone, one.test)).all()
    if one.training.stages:
        kept = alone.arrays["audio"][one.train]
        np.testing.assert_allclose(kept.mean(axis=0), 0, atol=0.15)  # training rows stay where they were
    else:
        np.testing.assert_array_equal(alone.arrays["audio"], data.features.arrays["audio"])


@pytest.mark.parametrize("kind", KINDS)
def test_odd_values_give_finite_answers(kind):
    """A constant feature, a feature that is constant in one corpus, huge values, and speakers with one clip."""
    data = task()
    audio = data.features.arrays["audio"].astype(np.float64)
    audio[:, 0] = 7.3
    audio[data.corpora == "a", 1] = 1e-3
    audio[:, 2] *= 1e30
    speakers = np.where(np.arange(len(data.labels)) % 12 < 1, data.groups["speaker"], "")
    single = np.char.add(data.groups["speaker"], np.arange(len(data.labels)).astype(str))
    features = replace(data.features, arrays={"audio": audio.astype(np.float32)})
    groups = {**data.groups, "speaker": np.where(speakers == "", single, speakers)}
    odd = replace(data, features=features, groups=groups)
    if kind == "none":
        odd = replace(odd, features=replace(features, arrays={"audio": features.arrays["audio"][:, [0, 1, 3]]}))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.isfinite(answers(odd, kind, model="ridge")).all()


@pytest.mark.parametrize("kind", KINDS)
def test_nan_is_refused_and_absent_rows_stay_absent(kind):
    data = task()
    normal = data.normalised_for(job(data, kind)).features
    absent = ~data.features.present["audio"]
    assert not normal.arrays["audio"][absent].any()
    audio = data.features.arrays["audio"].copy()
    audio[job(data, kind).train[3], 1] = np.nan
    broken = replace(data, features=replace(data.features, arrays={"audio": audio}))
    with pytest.raises(ValueError, match=r"audio: .* hold NaN"):
        answers(broken, kind)


def test_features_without_fitted_stages_are_computed_once_and_others_for_each_job():
    data = task()
    for kind in GROUPS:
        first, second = (data.normalised_for(job(data, kind, train=train)) for train in ("bc", "bd"))
        assert (first is second) == (kind not in FITTED)
        assert Engine("stacked").name_for(data, job(data, kind, "concat")) == (
            "single" if kind in FITTED else "stacked"
        )
    both = [job(data, "speaker_shrunk", "concat", train=train) for train in ("bc", "bd")]
    results = grid.run_jobs(data, both, Engine("stacked"))
    alone = [grid.run_jobs(data, [one], Engine("single"))[0] for one in both]
    assert all((a.probabilities == b.probabilities).all() for a, b in zip(results, alone, strict=True))


def test_stored_result_of_other_groups_or_stages_is_not_reused(tmp_path):
    data = task()
    one = job(data, "coral")
    grid.run_jobs(data, [one], Engine(), tmp_path)
    stored = ResultCache(tmp_path, data, Engine())
    assert stored.load([one]) is not None
    assert stored.load([job(data, ("coral", "speaker"))]) is None
    other = replace(data, groups={**data.groups, "corpus": data.groups["speaker"]})
    assert ResultCache(tmp_path, other, Engine()).load([one]) is None


def test_stages_apply_in_order():
    data = task()
    first = data.normalised_for(job(data, "corpus_ranks")).features
    both = data.normalised_for(job(data, ("corpus_ranks", "speaker"))).features
    second = replace(data, features=first).normalised_for(job(data, "speaker")).features
    np.testing.assert_array_equal(both.arrays["audio"], second.arrays["audio"])


@pytest.mark.parametrize("kind", [[], ["training"], ["corpus", "none"], ["corpus", "corpus"], "speakers", ["speakers"]])
def test_lists_that_mean_nothing_are_refused(kind):
    with pytest.raises(ValidationError, match="normalisation"):
        Training(normalisation=kind)


def test_stages_of_the_parameters():
    assert Training(normalisation=["corpus", "speaker_ranks"]).stages == ("corpus", "speaker_ranks")
    assert Training(normalisation=["corpus", "speaker_ranks"]).transductive
    assert not Training(normalisation="ranks").transductive
    assert Training().stages == Training(normalisation="none").stages == ()


def test_none_neither_shifts_nor_scales_and_leaves_text_as_it_is():
    data = task()
    text = np.random.default_rng(0).normal(5, 3, (len(data.labels), 4)).astype(np.float32)
    present = {**data.features.present, "text": np.ones(len(text), bool)}
    features = Features({**data.features.arrays, "text": text}, present)
    both = replace(data, features=features)
    for model in ("logistic", "ridge", "svm_rbf"):
        one = job(both, "none", model)
        one = replace(one, spec=System(model=model, inputs=("audio", "text")))
        moments = grid.fit_job(both, one, "cpu").standardiser.moments
        assert not moments["audio"][0].any()
        assert set(moments["audio"][1]) == {1.0}
        np.testing.assert_allclose(moments["text"][0], text[one.train].mean(axis=0), rtol=1e-4)


def test_shrinkage_ends_at_the_corpus_and_at_the_speaker():
    generator = np.random.default_rng(0)
    x = np.concatenate([generator.normal(mean, 1.0, (60, 1)) for mean in (0.0, 4.0)])
    groups = RowGroups(np.arange(120), np.repeat(["s", "t"], 60), np.full(120, "c"))
    corpus, speaker = ((x - x.mean()) / x.std(), np.concatenate([(p - p.mean()) / p.std() for p in np.split(x, 2)]))
    np.testing.assert_allclose(shrinkage.apply(x, groups, np.full((2, 1), 1e12)), corpus, atol=1e-4)
    np.testing.assert_allclose(shrinkage.apply(x, groups, np.zeros((2, 1))), speaker, atol=1e-4)
    unknown = replace(groups, own=np.full(120, ""))
    np.testing.assert_allclose(shrinkage.apply(x, unknown, np.zeros((2, 1))), corpus, atol=1e-4)
    few = shrinkage.apply(x[:61], RowGroups(np.arange(61), groups.own[:61], groups.corpora[:61]), np.full((2, 1), 5.0))
    alone = (x[60] - x[:61].mean()) / x[:61].std()
    assert few[60, 0] == pytest.approx(5 / 6 * alone[0] / np.sqrt(1 / 6 * (5 / 6 * alone[0]) ** 2 + 5 / 6), rel=1e-4)


def test_shrinkage_is_the_ratio_of_the_variances():
    """Clips around their speaker with variance 4, speakers around their corpus with variance 1, in three corpora."""
    generator = np.random.default_rng(0)
    speakers, clips = 300, 8
    who = np.repeat(np.arange(3 * speakers), clips)
    x = generator.normal(0, 1, (3 * speakers, 2))[who] + generator.normal(0, 2, (len(who), 2))
    corpora = np.array(["a", "b", "c"])[who // speakers]
    ratios = shrinkage.fit(x + (who // speakers)[:, None], RowGroups(np.arange(len(x)), who.astype(str), corpora))
    np.testing.assert_allclose(ratios[0], 4.0, rtol=0.2)
    assert (ratios[1] > 20).all()  # all speakers have the same deviation


def test_shrinkage_without_two_speakers_of_two_clips_has_a_default():
    x = np.random.default_rng(0).normal(size=(6, 2))
    for own, corpora in ((list("abcdef"), ["k"] * 6), (list("aaabbb"), list("kkklll"))):
        ratios = shrinkage.fit(x, RowGroups(np.arange(6), np.array(own), np.array(corpora)))
        assert (ratios == shrinkage.DEFAULT_RATIO).all()


def test_ranks_are_those_of_any_monotonic_distortion():
    data = task()
    distorted = np.exp(data.features.arrays["audio"].astype(np.float64) / 40)
    other = replace(data, features=replace(data.features, arrays={"audio": distorted}))
    for kind in ("ranks", "corpus_ranks", "speaker_ranks"):
        own, same = (each.normalised_for(job(data, kind)).features.arrays["audio"] for each in (data, other))
        rows = data.features.present["audio"] & (np.isin(data.corpora, list("bc")) | (kind != "ranks"))
        np.testing.assert_allclose(same[rows], own[rows], atol=0.1 if kind == "ranks" else 1e-6)


def test_table_of_ranks_agrees_with_the_ranks_of_its_rows():
    x = np.random.default_rng(0).gamma(2.0, size=(2000, 3)).round(1)
    z = ranks.apply_table(x, ranks.fit_table(x))
    exact = ranks.normal_ranks(x, np.ones(len(x), bool))
    inside = np.abs(exact) < 2.5
    assert np.abs(z - exact)[inside].max() < 0.1
    assert (ranks.apply_table(np.zeros((1, 3)), ranks.fit_table(np.zeros((0, 3)))) == 0).all()


def test_coral_gives_every_corpus_the_correlations_of_the_training_rows():
    data = task(width=3, clips=200)
    mixed = data.features.arrays["audio"].copy()
    for name, angle in zip("abc", (0.9, -0.5, 0.3), strict=True):
        rows = (data.corpora == name) & data.features.present["audio"]
        mixed[rows, 1] += 0.6 * np.sin(angle) * (mixed[rows, 0] - mixed[rows, 0].mean())
    data = replace(data, features=replace(data.features, arrays={"audio": mixed}))
    rows = {name: (data.corpora == name) & data.features.present["audio"] for name in "abcd"}
    before = {n: np.corrcoef(mixed[r].T) for n, r in rows.items()}
    after = data.normalised_for(job(data, "coral")).features.arrays["audio"]
    target = (before["b"] + before["c"]) / 2
    for name in "ad":
        gap = np.abs(np.corrcoef(after[rows[name]].T) - target).max()
        assert gap < 0.8 * np.abs(before[name] - target).max()
    one = coral.fit(mixed, RowGroups(np.flatnonzero(rows["b"]), data.corpora, data.corpora))
    own = coral.apply(mixed, RowGroups(np.flatnonzero(rows["b"]), data.corpora, data.corpora), one)
    x = mixed[rows["b"]]
    np.testing.assert_allclose(own[rows["b"]], (x - x.mean(axis=0)) / x.std(axis=0), atol=1e-3)


def test_normaliser_of_no_stage_and_its_tensors():
    data = task()
    assert Normaliser().tensors() == {}
    fitted, _ = normaliser.fit(data.features, data.groups, np.arange(50), ("audio",), ("corpus", "coral"))
    names = {f"normalisation.{n}.{kind}.audio" for n in (0, 1) for kind in ("mean", "deviation")}
    assert set(fitted.tensors()) == {*names, "normalisation.1.root.audio"}
    again = Normaliser.from_tensors(("corpus", "coral"), ("audio",), fitted.tensors())
    np.testing.assert_array_equal(again.apply(data.features, data.groups).arrays["audio"],
                                  fitted.apply(data.features, data.groups).arrays["audio"])  # fmt: skip
