"""Shapley values against their definition, and coalitions against models fitted on their rows."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import t as student

from mer import stats
from mer.evaluation.comparison import coalitions as coalition_models
from mer.evaluation.comparison import shapley
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores.confusions import Scoring
from mer.features import Features
from mer.params.schema import Training
from mer.training.baselines import classifier
from mer.training.task import Task

BOTH = ("audio", "text")
FAMILY = {"a": "a", "b1": "b", "b2": "b", "c": "c", "d": "d"}
worths = st.integers(0, 5).flatmap(lambda n: arrays(np.float64, 2**n, elements=st.floats(-1, 1)))


def _by_orders(worth):
    """The definition: what a player adds when players arrive in some order, averaged over all orders."""
    n = len(worth).bit_length() - 1
    orders = list(permutations(range(n)))
    values = np.zeros(n)
    for order in orders:
        coalition = 0
        for player in order:
            values[player] += worth[coalition | 1 << player] - worth[coalition]
            coalition |= 1 << player
    return values / len(orders)


@settings(max_examples=80, deadline=None)
@given(worths)
def test_values_are_the_mean_over_all_orders_and_add_up(worth):
    values = shapley.shapley(worth)
    np.testing.assert_allclose(values, _by_orders(worth), atol=1e-12)
    np.testing.assert_allclose(values.sum(), worth[-1] - worth[0], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, 16, elements=st.floats(-1, 1)))
def test_null_player_has_value_zero_and_equal_players_have_equal_values(worth):
    number = np.arange(16)
    null = worth[number & 0b1011]  # player 2 never matters
    assert shapley.shapley(null)[2] == pytest.approx(0, abs=1e-12)
    swapped = (number & 0b1100) | (number & 1) << 1 | (number & 2) >> 1
    equal = worth + worth[swapped]  # players 0 and 1 are interchangeable
    first, second = shapley.shapley(equal)[:2]
    assert first == pytest.approx(second, abs=1e-12)


def test_number_of_coalitions_must_be_a_power_of_two():
    with pytest.raises(ValueError, match="power of two"):
        shapley.shapley(np.zeros(6))
    with pytest.raises(ValueError, match="power of two"):
        shapley.shapley(np.zeros(0))


@pytest.fixture
def world():
    """Task, manifest and cells of five corpora of 4 speakers; two are kin, c lacks class 0, half have no text."""
    generator = np.random.default_rng(0)
    corpus = np.repeat(list(FAMILY), 60)
    label = generator.integers(0, 3, 300)
    label[corpus == "c"] = 1 + label[corpus == "c"] % 2
    audio = generator.normal(0, 1, (300, 8)) + 100 * (corpus == "a")[:, None]
    audio[:, :3] += np.eye(3)[label] * np.where(corpus == "d", -1, 1)[:, None]
    there = generator.random(300) < 0.5
    text = generator.poisson(0.4 + (label[:, None] == np.arange(4)), (300, 4)) * there[:, None]
    features = Features(
        {"audio": audio.astype(np.float32), "text": text.astype(np.float32)},
        {"audio": np.ones(300, bool), "text": there},
    )
    family = np.array([FAMILY[c] for c in corpus])
    manifest = pd.DataFrame({"corpus": corpus, "family": family, "speaker_id": np.arange(300) % 4})
    manifest["speaker_id"] = manifest["corpus"] + manifest["speaker_id"].astype(str)
    rows, cells = np.arange(300), []
    for held_out in "abcd":
        outside = tuple(c for c in FAMILY if FAMILY[c] != held_out)
        train, test = rows[(family != held_out) & (rows % 5 > 0)], rows[family == held_out]
        cells.append(Cell("loco", outside, held_out, 0, train, rows[:0], test))
    return Task(features, label, corpus, 7), manifest, cells


def _run(world, penalty=0.1, confidence=0.95):
    task, manifest, cells = world
    scoring = Scoring(("x", "y", "z"), dict.fromkeys(FAMILY, "speaker_id"), confidence)
    return shapley.of_corpora(task, manifest, cells, BOTH, scoring, penalty)


def _answers(task, target, coalition, training):
    """Restricted answers of the model that `ridge` makes of the coalition's rows."""
    rows = np.arange(300)
    train = rows[np.isin(task.corpora, coalition) & (rows % 5 > 0)]
    test = rows[task.corpora == target]
    fitted = classifier.fit("ridge", task, train, rows[:0], inputs=BOTH, training=training)
    return test, stats.restrict(fitted.predict(task.features, test), np.unique(task.labels[test]))


def test_every_coalition_scores_as_a_ridge_fitted_on_its_rows(world):
    task = world[0]
    _, coalitions = _run(world, penalty=0.2)
    assert coalitions.groupby("target").size().to_dict() == {"a": 16, "b1": 8, "b2": 8, "c": 16, "d": 16}
    for target, names, value in coalitions.itertuples(index=False):
        coalition = names.split("+") if names else []
        present = np.unique(task.labels[task.corpora == target])
        if not coalition:
            assert value == pytest.approx(1 / len(present))
            continue
        assert not {FAMILY[c] for c in coalition} & {FAMILY[target]}
        n = (np.isin(task.corpora, coalition) & (np.arange(300) % 5 > 0)).sum()
        strength = 0.5 / (0.2 * n)
        training = Training(inverse_regularisation=(strength,), balance="class_weights")
        test, answers = _answers(task, target, coalition, training)
        assert value == pytest.approx(stats.uar(stats.confusion(task.labels[test], answers, 7)), abs=1e-12)


def test_values_follow_from_the_coalitions(world):
    values, coalitions = _run(world)
    assert set(values.loc[values["players"] == "families", "target"]) == {"a", "c", "d"}  # b1 and b2 see no kin
    for (kind, target), part in values.groupby(["players", "target"]):
        worth = coalitions[coalitions["target"] == target].set_index("corpora")["value"]
        whole = worth["+".join(c for c in FAMILY if FAMILY[c] != FAMILY[target])]
        assert part["value"].sum() == pytest.approx(whole - worth[""])
        sides = [[c for c in FAMILY if (c if kind == "corpora" else FAMILY[c]) == p] for p in part["player"]]
        game = [
            worth["+".join(sorted(c for i, s in enumerate(sides) if number >> i & 1 for c in s))]
            for number in range(2 ** len(sides))
        ]
        np.testing.assert_allclose(part["value"], _by_orders(np.array(game)), atol=1e-12)
    assert (values.loc[values["target"] == "c", "classes"] == 2).all()
    assert (values["speakers"] == 4).all()
    assert (values["n"] == 60).all()


def test_intervals_are_the_jackknife_over_speakers_of_the_target(world):
    task, manifest, cells = world
    values, _ = _run(world, confidence=0.9)
    target, speakers = "d", [f"d{i}" for i in range(4)]
    without = []
    for speaker in speakers:
        kept = [
            Cell(c.protocol, c.train_corpora, c.held_out, 0, c.train, c.validation,
                 c.test[(manifest["speaker_id"] != speaker).to_numpy()[c.test]])
            for c in cells
        ]  # fmt: skip
        part, _ = _run((task, manifest, kept))
        without.append(part.loc[(part["target"] == target) & (part["players"] == "corpora"), "value"].to_numpy())
    error = np.sqrt(3 * np.var(without, axis=0))
    mine = values[(values["target"] == target) & (values["players"] == "corpora")]
    rows = manifest["corpus"] == "d"
    support = pd.crosstab(manifest.loc[rows, "speaker_id"], task.labels[rows]).to_numpy()
    reach = student.ppf(0.95, stats.Design.of(support).degrees_of_freedom) * error
    np.testing.assert_allclose(mine["high"] - mine["value"], reach, atol=1e-12)
    np.testing.assert_allclose(mine["value"] - mine["low"], reach, atol=1e-12)


def test_two_speakers_have_no_interval(world):
    _, manifest, _ = world
    manifest.loc[manifest["corpus"] == "d", "speaker_id"] = np.where(np.arange(60) % 2, "d0", "d1")
    values, _ = _run(world)
    few = values["target"] == "d"
    assert values.loc[few, ["low", "high"]].isna().all(axis=None)
    moved = values["value"].abs() > 1e-9  # where nobody's answers ever change there is no sign of variation
    assert set(values.loc[~moved, "target"]) == {"a"}
    assert values.loc[~few & moved, ["low", "high"]].notna().all(axis=None)
    assert values.loc[~moved, ["low", "high"]].isna().all(axis=None)


def test_values_do_not_depend_on_the_family_of_the_target(world):
    task, _, _ = world
    before, _ = _run(world)
    task.features.arrays["audio"][task.corpora == "b2"] = 1e4
    task.labels[task.corpora == "b2"] = 2
    after, _ = _run(world)
    mine = (before["target"] == "b1") & (before["players"] == "corpora")
    assert (before[mine]["value"] == after[(after["target"] == "b1") & (after["players"] == "corpora")]["value"]).all()


def test_corpus_without_classes_of_the_target_scores_as_guessing(world):
    task, _, _ = world
    task.labels[task.corpora == "a"] = 5 + task.labels[task.corpora == "a"] % 2
    _, coalitions = _run(world)
    alone = coalitions[coalitions["corpora"] == "a"].set_index("target")["value"]
    assert alone.to_dict() == pytest.approx({"b1": 1 / 3, "b2": 1 / 3, "c": 1 / 2, "d": 1 / 3})


def test_one_family_or_too_many_corpora_are_refused(world, monkeypatch):
    task, manifest, _ = world
    monkeypatch.setattr(shapley, "MAX_PLAYERS", 3)
    with pytest.raises(ValueError, match=r"4 training corpora make 2\^4 coalitions"):
        _run(world)
    manifest["family"] = "one"
    with pytest.raises(ValueError, match="no Shapley values"):
        _run(world)
    with pytest.raises(ValueError, match="no Shapley values"):
        _run((task, manifest, []))


@pytest.mark.parametrize("row", [50, 1])  # of a target only, as every fifth row trains nothing; of both
def test_invalid_features_are_refused_by_row(world, row):
    world[0].features.arrays["text"][row] = np.nan
    with pytest.raises(ValueError, match=rf"text: 1 of \d+ rows hold NaN or infinity, first row {row} of the task"):
        _run(world)


def test_block_size_changes_nothing(world, monkeypatch):
    before, _ = _run(world)
    monkeypatch.setattr(coalition_models, "MAX_BLOCK_VALUES", 1)
    after, _ = _run(world)
    pd.testing.assert_frame_equal(before, after)
