"""Settings are chosen inside the training corpora, by leaving out each of their families."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from mer import stats
from mer.evaluation.comparison import selection
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as planning
from mer.features import Features
from mer.params.schema import Evaluation, System, Training
from mer.training import calibration, grid
from mer.training.choosing import choice as choosing
from mer.training.choosing.folds import comparing_jobs, shared
from tests.evaluation.test_protocols import corpus, manifest

CLASSES = ("neutral", "anger", "fear")
STRENGTHS = (1e-6, 1e-3, 1.0)
TRAINING = Training(epochs=6, patience=2, hidden=4, batch_size=64, inverse_regularisation=STRENGTHS)
FAMILIES = {"a": "a", "b": "b", "c": "c", "c_song": "c", "d": "d", "e": "e"}
SYSTEMS = {
    "ridge": System(model="ridge", inputs=("audio",)),
    "logistic": System(model="logistic", inputs=("audio",)),
    "svm_rbf": System(model="svm_rbf", inputs=("audio",)),
    "kernel_ridge": System(model="kernel_ridge", inputs=("audio",)),
    "svm_linear": System(model="svm_linear", inputs=("audio",)),
    "concat": System(model="concat", inputs=("audio",)),
}


def own(name):
    """Corpus b has two of the three classes."""
    return CLASSES[:2] if name == "b" else CLASSES


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def spoken():
    """Six corpora of five families. Three features tell the class everywhere, weakly; the others tell it better, but in
    a way that differs from family to family, which only helps speakers of the same corpora."""
    usable = manifest(*(corpus(name, family, 5, classes=own(name)) for name, family in FAMILIES.items()))
    generator, labels = np.random.default_rng(1), np.array([CLASSES.index(name) for name in usable["emotion"]])
    audio = generator.normal(size=(len(usable), 30)) + 0.9 * np.eye(30)[labels]
    for family in sorted(set(FAMILIES.values())):
        mine = (usable["family"] == family).to_numpy()
        audio[mine, 3:] += 1.2 * generator.normal(size=(3, 27))[labels[mine]]
    text = generator.normal(size=(len(usable), 5))
    clear = generator.normal(size=(len(usable), 4)) + 2 * np.eye(4)[labels]
    arrays = {"audio": audio, "text": text, "clear": clear}
    arrays = {name: values.astype(np.float32) for name, values in arrays.items()}
    present = {name: np.ones(len(usable), bool) for name in arrays}
    features = Features(arrays, present, modalities={"audio": "audio", "text": "text", "clear": "audio"})
    return planning.build_task(usable, features, CLASSES), usable


def planned(spoken, systems, *, protocol="loco", corpora=tuple(FAMILIES), seeds=(0,), training=TRAINING):
    task, usable = spoken
    cells = protocols.plan(usable, (protocol,), list(corpora))
    return planning.plan_jobs(cells, systems, training, seeds, task)[0]


def only(jobs, held_out):
    return [job for job in jobs if job.cell.held_out == held_out]


def some(*names):
    return {name: SYSTEMS[name] for name in names}


def by_hand(task, usable, job, fit):
    """The score of each family, the mean over its corpora, for each setting; written anew from the definition."""
    families, scores = usable["family"].to_numpy(str), []
    for family in sorted(set(families[job.train])):
        inside = job.train[families[job.train] == family]
        outside = job.train[families[job.train] != family]
        of_settings = []
        for model in fit(outside):
            logits, of_corpora = model.logits(task.features, inside), []
            for name in sorted(set(task.corpora[inside])):
                rows = task.corpora[inside] == name
                truth = task.labels[inside][rows]
                classes = np.unique(truth)
                predicted = classes[logits[rows][:, classes].argmax(axis=1)]
                recalls = [np.mean(predicted[truth == one] == one) for one in classes]
                of_corpora.append((np.mean(recalls) - 1 / len(classes)) / (1 - 1 / len(classes)))
            of_settings.append(np.mean(of_corpora))
        scores.append(of_settings)
    return np.array(scores)


def in_the_middle(scores, settings):
    """The number of the setting nearest to the geometric mean of the families' best ones."""
    means = scores.mean(axis=0)
    logs = np.log([[one["inverse_regularisation"], one.get("gamma", 1.0)] for one in settings])
    best = [
        max(range(len(settings)), key=lambda n: (of_family[n].round(12), means[n].round(12))) for of_family in scores
    ]
    distances = np.abs(logs - logs[best].mean(axis=0)).sum(axis=1).round(9)
    return min(range(len(settings)), key=lambda n: (distances[n], -means[n]))


@pytest.mark.parametrize("name", ["ridge", "kernel_ridge", "logistic", "svm_rbf", "svm_linear"])
def test_classical_models_choose_as_by_hand(spoken, name):
    task, usable = spoken
    [job] = only(planned(spoken, some(name)), "a")
    from mer.training import baselines

    module = baselines.module(name)
    settings = module.settings(job.training, "corpora")
    scores = by_hand(task, usable, job, lambda rows: module.fit_all(
        task, rows, settings, inputs=job.spec.inputs, training=job.training))  # fmt: skip
    fitted, means = grid.fit_job(task, job, "cpu"), scores.mean(axis=0)
    assert [one["mean"] for one in fitted.choice.compared] == pytest.approx(means)
    assert fitted.choice.chosen == in_the_middle(scores, settings)
    assert len(set(means.round(6))) > 1  # otherwise nothing was chosen
    [final] = module.fit_all(
        task, job.train, [settings[fitted.choice.chosen]], inputs=job.spec.inputs, training=job.training
    )
    assert (fitted.logits(task.features, job.test) == final.logits(task.features, job.test)).all()


def test_corpora_choose_less_than_speakers_where_corpora_differ(spoken):
    by = {}
    for choose_by in ("corpora", "speakers"):
        jobs = planned(spoken, some("ridge"), training=TRAINING.model_copy(update={"choose_by": choose_by}))
        by[choose_by] = grid.run_jobs(spoken[0], jobs, grid.Engine())
    chosen = {result.job.cell.held_out: result.choice.setting["inverse_regularisation"] for result in by["corpora"]}
    of_speakers = [result.choice.setting["inverse_regularisation"] for result in by["speakers"]]
    assert np.mean(np.log(list(chosen.values()))) < np.mean(np.log(of_speakers))
    uar = {name: np.mean([_uar(spoken, result) for result in results]) for name, results in by.items()}
    assert uar["corpora"] > uar["speakers"]


def _uar(spoken, result):
    rows = result.job.test
    confusion = stats.confusion(spoken[0].labels[rows], result.probabilities.argmax(axis=1), 3)
    return stats.uar(confusion)


@pytest.mark.parametrize("name", ["ridge", "logistic", "svm_rbf", "concat"])
def test_held_out_family_decides_nothing(spoken, name):
    """Labels, features and corpus names of the held-out family are destroyed; the model stays, bit for bit."""
    task, usable = spoken
    [job] = only(planned(spoken, some(name)), "c")
    inside = (usable["family"] == "c").to_numpy()
    generator = np.random.default_rng(5)
    arrays = {n: np.where(inside[:, None], 1e5 * generator.normal(size=a.shape), a).astype(np.float32)
              for n, a in task.features.arrays.items()}  # fmt: skip
    wrong = replace(
        task, features=replace(task.features, arrays=arrays), labels=np.where(inside, 2 - task.labels, task.labels),
        corpora=np.where(inside, "wrong", task.corpora),
    )  # fmt: skip
    one, other = (grid.fit_job(each, job, "cpu") for each in (task, wrong))
    assert one.choice.compared == other.choice.compared
    assert one.choice.chosen == other.choice.chosen
    assert one.temperature == other.temperature
    for before, after in zip(one.tensors().values(), other.tensors().values(), strict=True):
        np.testing.assert_array_equal(before, after)
    used = np.concatenate([job.train, job.validation, *(np.r_[fold.train, fold.test] for fold in job.folds)])
    assert not inside[used].any()


def test_training_families_do_decide(spoken):
    """The test above can fail: labels of a training family change what is chosen or at least its score."""
    task, usable = spoken
    [job] = only(planned(spoken, some("ridge")), "c")
    wrong = replace(task, labels=np.where((usable["family"] == "d").to_numpy(), 2 - task.labels, task.labels))
    one, other = (grid.fit_job(each, job, "cpu").choice.compared for each in (task, wrong))
    assert one != other


def test_family_is_left_out_with_all_of_its_corpora_and_their_speakers(spoken):
    _task, usable = spoken
    both = usable["speaker_id"].where(usable["corpus"] != "c_song", usable["speaker_id"].str.replace("c_song", "c"))
    one_cast = usable.assign(speaker_id=both)
    cells = protocols.plan(one_cast, ("loco",), list(FAMILIES))
    for cell in cells:
        assert [fold.name for fold in cell.folds] == sorted(set(FAMILIES.values()) - {cell.held_out})
        rows = np.union1d(cell.train, cell.validation)
        for fold in cell.folds:
            families = [set(one_cast.loc[part, "family"]) for part in (fold.train, fold.test)]
            assert families[1] == {fold.name}
            assert fold.name not in families[0]
            assert cell.held_out not in families[0] | families[1]
            speakers = [set(zip(one_cast.loc[part, "family"], one_cast.loc[part, "speaker_id"].str[-1], strict=True))
                        for part in (fold.train, fold.test)]  # fmt: skip
            assert not speakers[0] & speakers[1]
            np.testing.assert_array_equal(np.union1d(fold.train, fold.test), rows)


def test_copy_of_a_row_that_is_left_out_does_not_train(spoken):
    """A recording of corpus a is also in corpus b, which the study accepts."""
    _task, usable = spoken
    copied, original = (np.flatnonzero(usable["corpus"] == name) for name in ("b", "a"))
    digests = usable["utterance_id"].copy()
    digests.iloc[copied] = digests.iloc[original].to_numpy()
    leaky = usable.assign(samples_sha256=digests)
    cells = protocols.plan(leaky, ("loco",), list(FAMILIES), accepted=["a", "b"])
    [cell] = [cell for cell in cells if cell.held_out == "d"]
    folds = {fold.name: fold for fold in cell.folds}
    used = set(cell.train) | set(cell.validation)
    both = [pair for pair in zip(copied, original, strict=True) if set(pair) <= used]
    assert len(both) > 20
    for copy, first in both:
        assert copy in folds["b"].test
        assert first not in folds["b"].train
        assert first in folds["a"].test
        assert copy not in folds["a"].train
        assert {copy, first} <= set(folds["c"].train)  # where neither is left out, both train


def test_systems_share_the_rows_of_folds_and_other_processes_get_those_of_jobs_only(spoken):
    """At 100,000 rows and 20 corpora, the folds of one cell are 14 MB, and those of all cells 3 GB."""
    job, other = (job for job in planned(spoken, some("ridge", "logistic")) if job.cell.held_out == "a")
    assert len(job.folds) == 4
    assert all(mine.train is its.train for mine, its in zip(job.folds, other.folds, strict=True))
    sent = deepcopy(job)  # by what pickle does
    assert (len(tuple(job.cell.folds)), len(sent.folds)) == (4, 4)
    assert sent.cell == job.cell
    with pytest.raises(RuntimeError, match="not sent to other processes"):
        tuple(sent.cell.folds)


def test_results_have_the_jobs_that_were_asked_for(spoken, monkeypatch):
    copied = []

    def elsewhere(task, jobs, groups, engine, cache):
        for group, results in completed(task, jobs, groups, engine, cache):
            copied.extend(results)
            yield group, deepcopy(results)

    completed = grid._completed
    monkeypatch.setattr(grid, "_completed", elsewhere)
    jobs = planned(spoken, some("ridge"))
    results = grid.run_jobs(spoken[0], jobs, grid.Engine())
    assert len(copied) == 10 + 5
    for job, result in zip(jobs, results, strict=True):
        assert result.job.test is job.test
        assert result.job.cell is job.cell


def test_rows_left_out_are_predicted_by_models_without_their_family(spoken):
    task, _usable = spoken
    [job] = only(planned(spoken, some("ridge")), "a")
    [result] = grid.run_jobs(task, [job], grid.Engine())
    choice = result.choice
    np.testing.assert_array_equal(np.sort(choice.rows), job.train)  # each training row, once
    assert result.leaves_families_out
    np.testing.assert_array_equal(result.validated_rows, choice.rows)
    for fold in job.folds:
        alone = replace(job, train=fold.train, validation=fold.test[:0], folds=(), test=fold.test,
                        setting={"inverse_regularisation": choice.setting["inverse_regularisation"]})  # fmt: skip
        logits = grid.fit_job(task, alone, "cpu").logits(task.features, fold.test)
        np.testing.assert_allclose(choice.logits[np.isin(choice.rows, fold.test)], logits, atol=1e-10)
    labels, corpora = task.labels[choice.rows], task.corpora[choice.rows]
    temperature = calibration.temperature(choice.logits, labels, corpora, multi_label=False)
    assert result.job.temperature == temperature
    np.testing.assert_allclose(
        result.validation_probabilities, calibration.probabilities(choice.logits / temperature), atol=1e-12
    )


def test_two_cells_share_the_training_without_both_families(spoken):
    jobs = planned(spoken, some("ridge"))
    comparing = [one for job in jobs for folds in comparing_jobs(job) for one in folds]
    trained, numbers = shared(comparing)
    assert len(comparing) == 5 * 4
    assert len(trained) == 10
    assert [trained[n].train.tobytes() for n in numbers] == [job.train.tobytes() for job in comparing]
    together = grid.run_jobs(spoken[0], jobs, grid.Engine())
    for job, result in zip(jobs, together, strict=True):
        alone = grid.fit_job(spoken[0], job, "cpu")
        assert alone.choice.compared == result.choice.compared
        np.testing.assert_array_equal(alone.choice.logits, result.choice.logits)


def test_number_of_epochs_is_the_mean_of_the_best_ones(spoken):
    task, _ = spoken
    [job] = only(planned(spoken, some("concat")), "a")
    model = grid.fit_job(task, job, "cpu")
    best = []
    for [comparing] in zip(*comparing_jobs(job), strict=True):
        history = grid.fit_job(task, comparing, "cpu").history
        means = [epoch["mean"] for epoch in history]
        best.append(1 + means.index(max(means)))
    assert model.choice.setting["epochs"] == max(1, round(np.mean(best)))
    assert len(model.history) == model.choice.setting["epochs"]  # on all training rows, whatever the scores
    assert model.choice.epochs <= job.training.epochs


@pytest.mark.parametrize("engine", ["single", "stacked"])
def test_stored_results_are_read_again(spoken, tmp_path, monkeypatch, engine):
    task, _ = spoken
    jobs = planned(spoken, some("ridge", "concat"), seeds=(0, 1), corpora=("a", "b", "d", "e"))
    first = grid.run_jobs(task, jobs, grid.Engine(engine), tmp_path)
    monkeypatch.setattr(grid, "_train_group", lambda jobs: pytest.fail("it was trained again"))
    again = grid.run_jobs(task, jobs, grid.Engine(engine), tmp_path)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        np.testing.assert_array_equal(one.choice.logits, other.choice.logits)
        assert one.choice.compared == other.choice.compared


@pytest.mark.parametrize(
    ("choose_by", "corpora", "folds"),
    [
        ("auto", ("a", "b", "d", "e"), 3),
        ("auto", ("a", "b", "d"), 0),  # two training families: a model of one would choose for a model of two
        ("corpora", ("a", "b", "d"), 2),
        ("corpora", ("a", "b"), 0),  # one training family
        ("speakers", ("a", "b", "d", "e"), 0),
    ],
)
def test_when_corpora_choose(spoken, choose_by, corpora, folds):
    training = TRAINING.model_copy(update={"choose_by": choose_by, "inverse_regularisation": None})
    for job in planned(spoken, some("ridge"), corpora=corpora, training=training):
        assert len(job.folds) == (folds or 1)
        assert job.choose_by == ("corpora" if folds else "speakers")
        assert set(job.train) == {*job.cell.train, *job.cell.validation}
        assert not len(job.validation)
        assert folds or (job.folds[0].test == job.cell.validation).all()
        assert min(job.training.inverse_regularisation) == (1e-5 if folds else 1e-3)


def test_corpus_without_the_input_is_no_fold(spoken):
    task, usable = spoken
    has_audio = (usable["family"] != "d").to_numpy()
    some_missing = replace(task, features=replace(task.features, present={**task.features.present, "audio": has_audio}))
    for job in planned((some_missing, usable), some("ridge")):
        assert "d" not in [fold.name for fold in job.folds]
        assert has_audio[np.concatenate([fold.train for fold in job.folds])].all()


@pytest.mark.parametrize("model", ["ridge", "concat"])
@pytest.mark.parametrize("protocol", ["loco", "in_corpus"])
def test_candidates_are_chosen_inside_the_training_corpora(spoken, model, protocol):
    """The system reads an input that tells nothing, and a candidate one that tells the class."""
    task, _ = spoken
    corpora = ("a", "b", "d", "e") if protocol == "loco" else ("a", "d")
    candidate = {"inputs": ("clear",), "training": {"normalisation": "corpus"}}
    system = System(model=model, inputs=("text",), candidates=(candidate,))
    training = TRAINING.model_copy(update={"learning_rate": 0.02, "epochs": 12, "patience": 12, "batch_size": 16})
    results = grid.run_jobs(
        task, planned(spoken, {"s": system}, protocol=protocol, training=training, corpora=corpora), grid.Engine()
    )
    settings = len(STRENGTHS) if model == "ridge" else 1
    assert {len(result.choice.compared) for result in results} == {2 * settings}
    assert np.mean([result.choice.setting["candidate"] for result in results]) > 0.75
    for result in results:
        number = result.choice.setting["candidate"]
        assert result.job.spec.inputs == (("clear",) if number else ("text",))
        assert result.job.training.normalisation == ("corpus" if number else "training")
        assert result.choice.by == ("corpora" if protocol == "loco" else "speakers")


def test_candidates_have_one_way_of_choosing():
    with pytest.raises(ValueError, match="choose_by is the same for all candidates"):
        System(model="ridge", candidates=({"training": {"choose_by": "speakers"}},))
    with pytest.raises(ValueError, match="start_from is the same for all candidates"):
        System(model="gated", candidates=({"training": {"start_from": "x"}},))


def test_choice_is_stated_in_json_types(spoken):
    [job] = only(planned(spoken, some("ridge")), "a")
    summary = grid.fit_job(spoken[0], job, "cpu").choice.summary()
    assert summary["by"] == "corpora"
    assert summary["settings"] == len(STRENGTHS)
    assert set(summary["chosen"]) == {"candidate", "inverse_regularisation", "mean", "b", "c", "d", "e"}


# --- with the selection of systems


def inner_cells(spoken, systems, training=TRAINING, by="inner_loco"):
    trainings = [system.training_parameters(training) for system in systems.values()]
    return selection.plan(spoken[1], list(FAMILIES), Evaluation(selection=by), trainings)


@pytest.mark.parametrize("by", ["validation", "inner_loco"])
def test_selection_trains_nothing_where_all_systems_choose_by_corpora(spoken, by):
    task, usable = spoken
    systems = some("ridge", "svm_linear")
    assert not inner_cells(spoken, systems, by=by)
    results = grid.run_jobs(task, planned(spoken, systems), grid.Engine())
    inner = selection.inner_scores(results, usable, CLASSES)
    assert set(inner["by"]) == {"inner_loco"}
    assert (inner["configurations"] == len(STRENGTHS)).all()
    for result in results:
        row = inner[(inner["held_out"] == result.job.cell.held_out) & (inner["system"] == result.job.system)]
        by_corpus = [
            np.mean([score for name, score in result.choice.setting.items() if name in set(FAMILIES.values())])
        ]
        if result.job.cell.held_out == "c":  # every family has one corpus
            assert row["score"].item() == pytest.approx(by_corpus[0])
    for family, system in selection.best_systems(inner).items():
        wrong = selection.inner_scores(*selection.with_corrupted_family(results, usable, family), CLASSES)
        assert selection.best_systems(wrong)[family] == system
        of_family = [table[table["held_out"] == family]["score"].tolist() for table in (inner, wrong)]
        assert of_family[0] == of_family[1]
    others = selection.inner_scores(*selection.with_corrupted_family(results, usable, "a"), CLASSES)
    assert not np.allclose(others["score"], inner["score"])  # what was corrupted is read for other families


def test_systems_that_choose_by_speakers_are_compared_on_the_same_families(spoken):
    """Validation speakers give higher scores than corpora; a mixed study would always take the former."""
    task, usable = spoken
    systems = {"corpora": SYSTEMS["ridge"],
               "speakers": System(model="ridge", inputs=("audio",), training={"choose_by": "speakers"}),
               "both": System(model="ensemble", members=("corpora", "speakers"))}  # fmt: skip
    single = {name: systems[name] for name in ("corpora", "speakers")}
    cells = inner_cells(spoken, single, by="validation")
    assert {cell.protocol for cell in cells} == {protocols.INNER}
    cells = [*protocols.plan(usable, ("loco",), list(FAMILIES)), *cells]
    jobs, _ = planning.plan_jobs(cells, systems, TRAINING, (0,), task)
    inner = {job.system for job in jobs if job.cell.protocol == protocols.INNER}
    assert inner == {"speakers", "corpora"}  # the ensemble needs both members
    jobs, _ = planning.plan_jobs(cells, single, TRAINING, (0,), task)
    assert {job.system for job in jobs if job.cell.protocol == protocols.INNER} == {"speakers"}
    results = grid.run_jobs(task, jobs, grid.Engine())
    inner = selection.inner_scores(results, usable, CLASSES)
    assert set(inner["by"]) == {"inner_loco"}
    assert inner["score"].notna().all()
    means = inner.groupby("system")["score"].mean()
    assert means["corpora"] > means["speakers"]


def test_validation_speakers_choose_a_classical_model_and_then_train_it(spoken):
    """They choose by the mean over corpora of the UAR of free predictions; the first one among equals."""
    task, _ = spoken
    training = TRAINING.model_copy(update={"choose_by": "speakers"})
    [job] = only(planned(spoken, some("ridge"), training=training), "a")
    model = grid.fit_job(spoken[0], job, "cpu")
    train, validation = job.cell.train, job.cell.validation
    from mer.training.baselines import ridge

    settings = ridge.settings(job.training, "speakers")
    models = ridge.fit_all(task, train, settings, inputs=job.spec.inputs, training=job.training)
    means = [np.mean(list(task.score_predictor(one.predict, validation).values())) for one in models]
    assert [one["mean"] for one in model.choice.compared] == pytest.approx(means)
    assert model.choice.chosen == int(np.argmax(means))
    [again] = ridge.fit_all(task, np.union1d(train, validation), [settings[model.choice.chosen]],
                            inputs=job.spec.inputs, training=job.training)  # fmt: skip
    np.testing.assert_allclose(model.logits(task.features, job.test), again.logits(task.features, job.test))
    [result] = grid.run_jobs(task, [job], grid.Engine())
    assert (result.validated_rows == validation).all()
    assert result.validation_probabilities.shape == (len(validation), task.classes)
    assert not result.leaves_families_out
    assert choosing.chosen_job(task, job, None) is job


def test_published_validation_rows_only_validate(spoken):
    task, usable = spoken
    published = usable.assign(fold=usable["fold"].where(usable["corpus"] != "a"))
    for name, count in (("a", 1), ("b", None)):
        cells = protocols.plan(published, ("in_corpus",), [name])
        assert all(cell.has_published_validation == (name == "a") for cell in cells)
        jobs = planning.plan_jobs(cells, some("ridge"), TRAINING, (0,), task)[0]
        assert len(jobs) == count or name == "b"
        for job in jobs:
            assert (len(job.validation) > 0) == (name == "a")
            assert np.isin(job.cell.validation, job.train).all() == (name == "b")
