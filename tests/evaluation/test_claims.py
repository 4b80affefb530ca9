"""What protocols claim, and scores under other shares of the classes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from mer import stats
from mer.dataset import splits
from mer.evaluation.comparison import claims, class_shares
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.protocols import cells
from mer.evaluation.protocols import jobs as planning
from mer.evaluation.protocols.random_split import RANDOM
from mer.evaluation.scores import flags, scores
from mer.evaluation.scores.confusions import Scoring
from mer.features import Features
from mer.params.schema import System, Training
from mer.report.figures import calibration
from mer.training import grid
from tests.evaluation.toy_data import CLASSES, FOUR, manifest, predictions

SCORING = Scoring(CLASSES, dict.fromkeys("ab", "speaker_id"))
ROWS = pd.concat([manifest("a"), manifest("b", seed=1)], ignore_index=True)


def with_probabilities(table, certainty):
    """The table with probabilities: the predicted class has `certainty`, the other three of the corpus the rest."""
    p = pd.DataFrame(0.0, table.index, [f"p_{name}" for name in CLASSES])
    p[[f"p_{name}" for name in FOUR]] = (1 - certainty) / 3
    for name in FOUR:
        p.loc[table["free"] == name, f"p_{name}"] = certainty
    return (
        table[[name for name in table if not name.startswith("p_")]]
        .join(p)
        .assign(transductive=False, flagged=False, accepted=False)
    )


@pytest.fixture(scope="module")
def predicted():
    """Three protocols with falling accuracy, all of which say that they are 90 % certain."""
    rights = {RANDOM: 0.9, "in_corpus": 0.7, "loco": 0.5}
    parts = [predictions(ROWS, right, protocol=name, seed=n) for n, (name, right) in enumerate(rights.items())]
    return with_probabilities(pd.concat(parts, ignore_index=True), 0.9)


def test_claims_are_the_scores_of_each_protocol(predicted):
    table = claims.claims(predicted, SCORING).set_index(["protocol", "test_corpus", "metric"])["value"]
    assert table[RANDOM, MEAN, "UAR"] > table["in_corpus", MEAN, "UAR"] > table["loco", MEAN, "UAR"]
    for protocol, right in ((RANDOM, 0.9), ("in_corpus", 0.7), ("loco", 0.5)):
        assert table[protocol, MEAN, "UAR"] == pytest.approx(right, abs=0.08)
        assert table[protocol, MEAN, "ECE"] == pytest.approx(0.9 - right, abs=0.09)
    own = predicted[(predicted["protocol"] == "loco") & (predicted["test_corpus"] == "a")]
    confusion = stats.confusion(
        *(pd.Index(CLASSES).get_indexer(own[c]) for c in ("emotion", "restricted")), len(CLASSES)
    )
    assert table["loco", "a", "UAR"] == pytest.approx(stats.uar(confusion))


def test_intervals_contain_the_value_and_the_mean_is_over_shared_corpora(predicted):
    only_a = predicted[(predicted["protocol"] != "in_corpus") | (predicted["test_corpus"] == "a")]
    table = claims.claims(only_a, SCORING)
    means = table[table["test_corpus"] == MEAN]
    assert (means["corpora"] == 1).all()
    table = table.dropna(subset=["low"])
    assert len(table) > 12
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert (table["low"] < table["high"]).all()
    assert claims.claims(predicted.iloc[:0], SCORING).empty


def test_shares_that_are_known_raise_the_accuracy_and_not_the_recall(predicted):
    generator = np.random.default_rng(0)
    rare = (predicted["emotion"] == "anger") & (generator.random(len(predicted)) < 0.9)
    table = class_shares.table(predicted[(predicted["protocol"] == "loco") & ~rare], SCORING)
    assert set(table["shares"]) == set(class_shares.KINDS)
    wide = table.groupby("shares")[["WA", "distance"]].mean()
    assert wide.loc["known", "distance"] == 0
    assert wide.loc["known", "WA"] >= wide.loc["as trained", "WA"]
    flagged = flags.with_flags(table, predicted)
    assert (flagged["transductive"] == (flagged["shares"] == "estimated")).all()


@pytest.mark.parametrize("choose_by", ["corpora", "speakers"])
def test_rows_that_chose_the_models_are_predicted_once_per_held_out_family(choose_by):
    """Every training corpus of three is predicted by the models that hold out the two others; with adaptation, too."""
    parts = [manifest(name, seed=number) for number, name in enumerate("abc")]
    rows = splits.assign(
        pd.concat(parts, ignore_index=True), set(), splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5)
    )
    labels = rows["emotion"].map(CLASSES.index).to_numpy()
    x = np.eye(len(CLASSES))[labels] + np.random.default_rng(0).normal(0, 0.5, (len(rows), len(CLASSES)))
    vectors = Features({"audio": x.astype(np.float32)}, {"audio": np.ones(len(rows), bool)})
    task = planning.build_task(rows, vectors, CLASSES)
    systems = {
        "plain": System(model="ridge", inputs=("audio",)),
        "adapted": System(model="ridge", inputs=("audio",), training={"adaptation": "speaker_gaussians"}),
    }
    training = Training(inverse_regularisation=(0.01,), choose_by=choose_by)
    jobs, _ = planning.plan_jobs(cells.plan(rows, ("loco",), ["a", "b", "c"]), systems, training, (0,), task)
    results = grid.run_jobs(task, jobs, grid.Engine())
    table = claims.validation_predictions(results, rows, CLASSES, task.features.present)
    assert (table["protocol"] == claims.VALIDATION).all()
    assert not table["transductive"].any()
    assert (table.groupby(["system", "utterance_id"])["seed"].nunique() == 2).all()
    predicted = scores.predictions(results, rows, CLASSES, task.features.present)
    assert predicted.groupby("system")["transductive"].all().to_dict() == {"adapted": True, "plain": False}
    clusters = Scoring(CLASSES, dict.fromkeys("abc", "speaker_id"))
    found = claims.claims(pd.concat([table, predicted], ignore_index=True), clusters)
    assert found.groupby(["system", "protocol"]).size().eq(12).all()  # three corpora and the mean, three metrics each


def test_figures_say_what_they_show(predicted):
    figure = calibration.claim_dots(claims.claims(predicted, SCORING), "s")
    assert "corpus held out" in figure.axes[0].get_title(loc="left")
    assert "certain on average" in calibration.reliability_diagram(predicted, "s", SCORING).get_title(loc="left")
    assert "errors" in calibration.risk_curves(predicted, "s", SCORING).get_title(loc="left")
    assert calibration.risk_curves(predicted, "other", SCORING).texts
    plt.close("all")
