import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mer.evaluation.comparison import comparison, published, ranking, sensitivity, slices
from mer.evaluation.scores import scores
from mer.report.figures import comparisons
from mer.report.style import numbers
from mer.report.text import comparisons as verdicts
from mer.report.text import published as beside
from tests.evaluation.made import CLASSES, manifest, predictions

SPEAKERS = {"a": 6, "b$x$": 12}
CLUSTERS = dict.fromkeys(SPEAKERS, "speaker_id")
SOURCES, TABLES = published.load()


def answers(protocol="loco", **right):
    parts = []
    for at, (system, share) in enumerate(right.items()):
        for corpus, speakers in SPEAKERS.items():
            train = "z" if protocol == "loco" else corpus
            rows = manifest(corpus, speakers)
            parts.append(predictions(rows, share, system, protocol, train, seeds=(0, 1), seed=[at, speakers]))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def loco():
    return answers(base=0.5, good=0.9, same=0.5)


@pytest.fixture(scope="module")
def compared(loco):
    return comparison.compare(loco, CLASSES, CLUSTERS, "base")


@pytest.fixture(scope="module")
def inflation():
    right = {protocol: 0.9 - 0.3 * at for at, protocol in enumerate(sensitivity.SPLIT_NAMES)}
    return sensitivity.split_inflation(
        pd.concat([answers(p, s=share) for p, share in right.items()]), CLASSES, CLUSTERS
    )


def texts(drawn):
    figure = drawn if isinstance(drawn, plt.Figure) else drawn.figure
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(plt.Text)]


def fills(ax):
    """Of each dot that stands at a number: whether it is filled."""
    return [
        not np.allclose(colour[:3], 1)
        for dots in ax.collections if hasattr(dots, "get_sizes") and len(dots.get_offsets())
        for colour in dots.get_facecolors()
    ]  # fmt: skip


def test_names_are_marked_where_people_read_them_and_nowhere_else():
    made = predictions(manifest("a", speakers=4, clips=8), 0.7, "x")
    made = pd.concat(
        [made.assign(transductive=True, flagged=True, accepted=True), predictions(manifest("b", speakers=4), 0.7, "y")]
    )
    table = pd.DataFrame(
        {"system": ["x", "y", "y"], "test_corpus": ["a", "b", "mean over corpora"], "value": [1, 2, 3]}
    )
    shown = numbers.displayed(table, made)
    assert shown["system"].tolist() == ["x (transductive)", "y", "y"]
    assert shown["test_corpus"].tolist() == ["a § ¶", "b", "mean over corpora"]
    assert table["system"].tolist() == ["x", "y", "y"]
    assert numbers.displayed(table[["system"]], made)["system"].tolist() == ["x (transductive)", "y", "y"]
    assert numbers.displayed(table.iloc[:0], made).empty


def test_only_differences_that_are_shown_are_filled(compared):
    ax = comparisons.difference_forest(compared)
    shown = int(compared["verdict"].isin(verdicts.SHOWN).sum())
    assert 0 < shown < len(compared)
    assert sum(fills(ax)) == shown
    assert len(fills(ax)) == len(compared)
    told = texts(ax)
    assert f"{shown} of {len(compared)} differences from base are shown; hollow ones are not." in told
    assert {"a", r"b\$x\$", comparison.MEAN, "good", "same"} <= set(told)


def test_a_difference_without_an_interval_is_a_dot(compared):
    alone = compared.assign(low=np.nan, high=np.nan)
    assert len(fills(comparisons.difference_forest(alone))) == len(compared)
    texts(comparisons.difference_forest(alone))
    lacking = compared.assign(difference=np.nan, verdict="no predictions on a")
    assert any("Nothing is compared" in told for told in texts(comparisons.difference_forest(lacking)))


def test_sentences_and_tables_of_differences(compared):
    sentence = verdicts.difference_sentence(compared, 0.05)
    assert sentence.startswith("Against base, mean over corpora: good better (+.")
    assert "same not shown to differ" in sentence
    assert "Hardly anything could be shown on a: with so few speakers, 4 questions give no p < .125." in sentence
    table = verdicts.difference_table(compared)
    assert table.index.get_level_values("held out").tolist() == ["a", "a", "b$x$", "b$x$", *[comparison.MEAN] * 2]
    assert (table["smallest p"] != "–").all()
    certain = verdicts.difference_sentence(compared.assign(p_holm=1e-9), 0.05)
    assert "p < .001)" in certain
    one = verdicts.difference_sentence(compared[compared["test_corpus"] == "a"], 0.05)
    assert one.startswith("Against base, a: ")


def test_gaps_of_slices_are_hollow_where_not_shown(loco):
    rows = pd.concat([manifest(corpus, n) for corpus, n in SPEAKERS.items()])
    scored, gaps = slices.score(loco[loco["system"] == "base"], rows, CLASSES, CLUSTERS)
    gaps.loc[0, "verdict"] = "shown"
    shown = int((gaps["verdict"] == "shown").sum())
    ax = comparisons.gap_forest(gaps)
    assert sum(fills(ax)) == shown
    assert any(told.startswith(f"{shown} of {len(gaps)} gaps") for told in texts(ax))
    assert "a: male − female" in texts(ax)
    assert verdicts.gap_sentence(scored, gaps).startswith("Gaps that hold: a, ")
    assert verdicts.gap_sentence(scored, gaps.assign(verdict="not shown")).startswith(f"None of {len(gaps)} gaps")
    assert len(verdicts.gap_table(gaps)) == len(gaps)
    table = verdicts.slice_table(scored)
    assert table.loc[("a", "gender", "female"), "UAR"].startswith(".")
    assert set(table.loc[scored.set_index(["test_corpus", "attribute", "slice"])["note"].ne("").to_numpy(), "n"])
    bands = [name for name in table.loc["a"].loc["duration"].index if name != "not known"]
    assert bands[0].startswith("under")
    assert bands[1:] == sorted(bands[1:])
    many = pd.concat([gaps] * comparisons.MOST, ignore_index=True)
    assert len(fills(comparisons.gap_forest(many))) == comparisons.MOST
    lone = gaps.assign(gap=np.nan, speakers=np.nan, shared_speakers=np.nan, verdict="0 classes in common")
    assert set(verdicts.gap_table(lone)["gap"]) == {"–"}


def test_recalls_stand_in_a_matrix_with_grey_where_there_is_no_class(loco):
    recalls = slices.recalls(loco[loco["system"] == "good"], CLASSES, CLUSTERS)
    recalls = recalls[(recalls["test_corpus"] == "a") | (recalls["emotion"] != "anger")]
    ax = comparisons.recall_heatmap(recalls)
    shown = texts(ax)
    assert sum(told.startswith(".") or told == "1.00" for told in shown) == len(recalls) == 7
    assert any("is recognised most often" in told for told in shown)


def test_ranks_are_drawn_from_eight_corpora_on(loco):
    ranks = ranking.rank_systems(loco, CLASSES, CLUSTERS, draws=200)
    least = ranking.MIN_CORPORA_IN_DIAGRAM
    assert f"A diagram of ranks is drawn from {least} corpora on; this study holds out 2." in texts(
        comparisons.rank_diagram(ranks)
    )
    assert "good leads in 100% of the resamples." in texts(comparisons.rank_diagram(ranks.assign(corpora=least)))
    assert any("no two systems" in told for told in texts(comparisons.rank_diagram(ranks[:1])))
    table = verdicts.rank_table(ranks)
    assert table.loc["good", ["rank", "leads in"]].tolist() == ["1 [1, 1]", "100%"]
    sentence = verdicts.resample_sentence(ranks, ranks, 200, 1.25)
    assert sentence.startswith("200 resamples of the speakers of the whole study took 1.2 s")
    assert sentence.endswith("moves by 0.0 points at most.")


def test_resamples_are_drawn_best_first(loco):
    drawn = ranking.resampled(loco, CLASSES, CLUSTERS, draws=200)
    ax = comparisons.resample_bars(drawn, 0.95)
    assert "good leads in 100% of 200 resamples." in texts(ax)
    assert ax.get_yticklabels()[0].get_text() == "good"


def test_metrics_of_the_same_answers(loco):
    table = sensitivity.metric_sensitivity(loco, CLASSES, CLUSTERS)
    shown = texts(comparisons.metric_dots(table, "base"))
    assert {name.replace("_", " ") for name in scores.METRICS} <= set(shown)
    assert verdicts.metric_sentence(table) == "On none of 2 corpora the system that leads depends on the metric."
    other = table.assign(first_by="UAR")
    assert verdicts.metric_sentence(other) == "On 2 of 2 corpora the system that leads depends on the metric."
    assert "one system" in verdicts.metric_sentence(table[table["system"] == "base"])
    assert verdicts.metric_table(table).loc[("a", "good"), "leads by"] == "UAR, WA, macro F1, weighted F1"
    assert any("has not been tested" in told for told in texts(comparisons.metric_dots(table, "nobody")))


def test_splits_of_each_corpus_stand_on_one_line(inflation):
    figure = comparisons.split_dots(inflation)
    dots = {tuple(at) for dots in figure.axes[0].collections if hasattr(dots, "get_sizes") for at in dots.get_offsets()}
    assert len(dots) == len(sensitivity.SPLIT_NAMES) * len(SPEAKERS)
    assert set(sensitivity.SPLIT_NAMES.values()) <= {text.get_text() for text in figure.legends[0].get_texts()}
    [added] = inflation.loc[
        (inflation["test_corpus"] == comparison.MEAN) & (inflation["than"] == sensitivity.SPLIT_NAMES["in_corpus"]),
        "points",
    ]
    assert f"s: random adds {added:.1f} points" in texts(figure)
    held_out = inflation[inflation["than"] == sensitivity.SPLIT_NAMES["loco"]]
    assert "s" in texts(comparisons.split_dots(held_out))
    sentence = verdicts.inflation_sentence(inflation, "s")
    mean = inflation[(inflation["test_corpus"] == comparison.MEAN) & (inflation["split"] == "random")]
    assert all(f"{points:+.1f} [" in sentence for points in mean["points"])
    table = verdicts.inflation_table(inflation)
    assert table.columns.name is None
    assert table.index.get_level_values("corpus").tolist() == [*SPEAKERS, comparison.MEAN]
    lacking = inflation.assign(points=np.nan, split_value=np.nan, verdict="not trained with random on a")
    assert set(verdicts.inflation_table(lacking).iloc[0]) == {"not trained with random on a"}
    assert "not been tested" in verdicts.inflation_sentence(lacking, "s")
    assert any("No corpus has been split" in told for told in texts(comparisons.split_dots(lacking)))


def stands(grey):
    numbers = published.numbers(TABLES)
    numbers = numbers[numbers["test_corpus"].isin(["meld", "emodb"])].reset_index(drop=True)
    why = np.where(grey, "other <classes>; another split", "")
    return numbers.assign(ours=0.4, low=0.3, high=0.5, n=2610.0, difference=0.0, grey=grey, reason=why)


def test_published_numbers_are_grey_where_they_are_not_comparable():
    table = stands(grey=False)
    table.loc[table["test_corpus"] == "emodb", ["grey", "reason"]] = [True, "other <classes>; another split"]
    ax = comparisons.published_dots(table, ["meld", "emodb"])
    assert {"ours", "comparable", "not comparable"} <= set(texts(ax))
    page = beside.published_table(table, ["meld", "emodb"]).to_html()
    assert "other &lt;classes&gt;; another split" in page
    assert "<classes>" not in page
    known = table[~table["grey"]]
    assert (
        page.count("the text encoder&#x27;s first checkpoint")
        == known["caveats"].str.contains("first checkpoint").groupby(known["table"]).any().sum()
    )
    assert page.count(beside.GREY) == 1  # one rule, for the cells of the one grey row
    count = int((~table["grey"]).sum())
    assert f"ours may stand beside {count} of them" in beside.published_sentence(table, ["meld", "emodb"])
    assert "other <classes>" in beside.published_sentence(table, ["meld", "emodb"])


def test_nothing_published_is_near():
    table = stands(grey=True)
    assert "ours" not in texts(comparisons.published_dots(table, ["meld"]))
    assert any("No published number" in told for told in texts(comparisons.published_dots(table, ["mine"])))
    assert beside.published_sentence(table, ["mine"]).startswith("None of")
    page = beside.published_table(table[table["test_corpus"] == "emodb"].iloc[:1], ["emodb"]).to_html()
    assert "our clips" not in page
    assert table.loc[table["test_corpus"] == "emodb", "system"].iloc[0] in page
    assert "corpora that are not in this study" in beside.published_table(table, ["mine"]).to_html()


def test_averages_that_do_not_follow_are_named():
    found = published.averages(TABLES)
    sentence = beside.averages_sentence(found)
    assert "trained on iemocap: 24.7 is printed, 24.2 follows" in sentence
    assert "trained on afew: 37.6 is printed, 36.3 follows" in sentence
    assert beside.averages_sentence(found[found["reproduces"]]).endswith("follow from their cells.")


def test_nothing_at_all(loco):
    nobody, empty = loco[:0], comparison.empty()
    scored, gaps = slices.score(nobody, manifest(), CLASSES, CLUSTERS)
    ranks, metrics = (
        ranking.rank_systems(nobody, CLASSES, CLUSTERS),
        sensitivity.metric_sensitivity(nobody, CLASSES, CLUSTERS),
    )
    inflation, recalls = (
        sensitivity.split_inflation(nobody, CLASSES, CLUSTERS),
        slices.recalls(nobody, CLASSES, CLUSTERS),
    )
    drawn = ranking.resampled(nobody, CLASSES, CLUSTERS, draws=5)
    for figure in (
        comparisons.difference_forest(empty, "nobody"), comparisons.gap_forest(gaps), comparisons.rank_diagram(ranks),
        comparisons.recall_heatmap(recalls), comparisons.resample_bars(drawn, 0.95), comparisons.split_dots(inflation),
        comparisons.metric_dots(metrics, "s"),
    ):  # fmt: skip
        assert texts(figure)
    for table in (
        verdicts.difference_table(empty), verdicts.rank_table(ranks), verdicts.metric_table(metrics),
        verdicts.inflation_table(inflation), verdicts.gap_table(gaps), verdicts.slice_table(scored),
    ):  # fmt: skip
        assert table.empty
    assert verdicts.difference_sentence(empty, 0.05, "nobody") == "Nothing is compared: nobody."
    assert verdicts.gap_sentence(scored, gaps).startswith("No corpus is parted")
    assert "nothing to resample" in verdicts.resample_sentence(ranks, ranks, 5, 0.0)
    assert verdicts.metric_sentence(metrics)
