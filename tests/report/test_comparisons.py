import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.comparison import comparison, published, ranking, sensitivity, slices
from mer.evaluation.scores.confusions import Scoring
from mer.report.figures import comparisons as comparison_figures
from mer.report.figures import published as published_figures
from mer.report.figures import ranking as ranking_figures
from mer.report.style import palette, symbols
from mer.report.tables import comparisons as comparison_tables
from mer.report.text import comparisons as comparison_text
from mer.report.text import published as published_text
from tests.evaluation.toy_data import CLASSES, manifest, predictions

SPEAKERS = {"a": 6, "b$x$": 12}
CLUSTERS = dict.fromkeys(SPEAKERS, "speaker_id")
SCORING = Scoring(CLASSES, CLUSTERS)
SOURCES, TABLES = published.load()


def toy_predictions(protocol="loco", **right):
    parts = []
    for at, (system, share) in enumerate(right.items()):
        for corpus, speakers in SPEAKERS.items():
            train = "z" if protocol == "loco" else corpus
            rows = manifest(corpus, speakers)
            parts.append(predictions(rows, share, system, protocol, train, seeds=(0, 1), seed=[at, speakers]))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def loco():
    return toy_predictions(base=0.5, good=0.9, same=0.5)


@pytest.fixture(scope="module")
def compared(loco):
    return comparison.compare(loco, SCORING, "base")


@pytest.fixture(scope="module")
def inflation():
    right = {protocol: 0.9 - 0.3 * at for at, protocol in enumerate(sensitivity.SPLIT_NAMES)}
    return sensitivity.split_inflation(pd.concat([toy_predictions(p, s=share) for p, share in right.items()]), SCORING)


def texts(drawn):
    figure = drawn if isinstance(drawn, plt.Figure) else drawn.figure
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(plt.Text)]


def points(ax):
    """Return the places (x, y) of all points of a forest, and of the hollow ones."""
    places = {"all": [], "hollow": []}
    for line in ax.lines:
        if line.get_marker() not in ("None", ""):
            hollow = line.get_markerfacecolor() == "white"
            xy = line.get_xydata()
            places["hollow" if hollow else "all"] += [tuple(at.round(6)) for at in xy[np.isfinite(xy).all(axis=1)]]
    assert set(places["hollow"]) <= set(places["all"])
    return places["all"], places["hollow"]


def fills(ax):
    """Return for each point of a forest whether it is filled."""
    places, hollow = points(ax)
    return [at not in hollow for at in places]


def test_symbols_are_in_displayed_names_only():
    made = predictions(manifest("a", speakers=4, clips=8), 0.7, "x")
    made = pd.concat(
        [made.assign(transductive=True, flagged=True, accepted=True), predictions(manifest("b", speakers=4), 0.7, "y")]
    )
    table = pd.DataFrame(
        {"system": ["x", "y", "y"], "test_corpus": ["a", "b", "mean over corpora"], "value": [1, 2, 3]}
    )
    shown = symbols.for_display(table, made)
    assert shown["system"].tolist() == ["x (transductive)", "y", "y"]
    assert shown["test_corpus"].tolist() == ["a § ¶", "b", "mean over corpora"]
    assert table["system"].tolist() == ["x", "y", "y"]
    assert symbols.for_display(table[["system"]], made)["system"].tolist() == ["x (transductive)", "y", "y"]
    assert symbols.for_display(table.iloc[:0], made).empty


def test_only_significant_differences_are_filled(compared):
    ax = comparison_figures.difference_forest(compared)
    shown = int(compared["verdict"].isin(comparison_text.SIGNIFICANT).sum())
    assert 0 < shown < len(compared)
    assert sum(fills(ax)) == shown
    assert len(fills(ax)) == len(compared)
    message = texts(ax)
    assert f"{shown} of {len(compared)} differences from base are significant (filled)." in message
    assert {"a", r"b\$x\$", comparison.MEAN, "good", "same"} <= set(message)


def test_difference_without_interval_is_a_point(compared):
    alone = compared.assign(low=np.nan, high=np.nan)
    assert len(fills(comparison_figures.difference_forest(alone))) == len(compared)
    texts(comparison_figures.difference_forest(alone))
    lacking = compared.assign(difference=np.nan, verdict="no predictions on a")
    assert any("There is no comparison" in message for message in texts(comparison_figures.difference_forest(lacking)))


def test_sentences_and_tables_of_differences(compared):
    sentence = comparison_text.difference_sentence(compared, 0.05)
    assert sentence.startswith("Compared with base, mean over corpora: good better (+.")
    assert "same not shown to differ" in sentence
    assert "Too few speakers for a significant difference on a: 4 tests give no p < .125." in sentence
    table = comparison_tables.difference_table(compared)
    assert table.index.get_level_values("held out").tolist() == ["a", "a", "b$x$", "b$x$", *[comparison.MEAN] * 2]
    assert (table["smallest p"] != "–").all()
    certain = comparison_text.difference_sentence(compared.assign(p_holm=1e-9), 0.05)
    assert "p < .001)" in certain
    one = comparison_text.difference_sentence(compared[compared["test_corpus"] == "a"], 0.05)
    assert one.startswith("Compared with base, a: ")


def test_insignificant_gaps_are_hollow(loco):
    rows = pd.concat([manifest(corpus, n) for corpus, n in SPEAKERS.items()])
    scored, gaps = slices.score(loco[loco["system"] == "base"], rows, SCORING)
    gaps.loc[0, "verdict"] = "shown"
    shown = int((gaps["verdict"] == "shown").sum())
    ax = comparison_figures.gap_forest(gaps)
    assert sum(fills(ax)) == shown
    assert any(message.startswith(f"{shown} of {len(gaps)} gaps") for message in texts(ax))
    assert "a: male − female" in texts(ax)
    assert comparison_text.gap_sentence(scored, gaps).startswith("Significant gaps: a, ")
    assert comparison_text.gap_sentence(scored, gaps.assign(verdict="not shown")).startswith(
        f"None of {len(gaps)} gaps"
    )
    assert len(comparison_tables.gap_table(gaps)) == len(gaps)
    table = comparison_tables.slice_table(scored)
    assert table.loc[("a", "gender", "female"), "UAR"].startswith(".")
    assert set(table.loc[scored.set_index(["test_corpus", "attribute", "slice"])["note"].ne("").to_numpy(), "n"])
    bands = [name for name in table.loc["a"].loc["duration"].index if name != "not known"]
    assert bands[0].startswith("under")
    assert bands[1:] == sorted(bands[1:])
    many = pd.concat([gaps] * comparison_figures.MAX_GAPS, ignore_index=True)
    assert len(fills(comparison_figures.gap_forest(many))) == comparison_figures.MAX_GAPS
    lone = gaps.assign(gap=np.nan, speakers=np.nan, shared_speakers=np.nan, verdict="0 classes in common")
    assert set(comparison_tables.gap_table(lone)["gap"]) == {"–"}


def test_recall_matrix_is_grey_for_absent_classes(loco):
    recalls = slices.recalls(loco[loco["system"] == "good"], SCORING)
    recalls = recalls[(recalls["test_corpus"] == "a") | (recalls["emotion"] != "anger")]
    ax = comparison_figures.recall_heatmap(recalls)
    shown = texts(ax)
    assert sum(message.startswith(".") or message == "1.00" for message in shown) == len(recalls) == 7
    assert any(message.startswith("Recall of each class, without intervals") for message in shown)


def test_rank_diagram_needs_eight_corpora(loco):
    ranks = ranking.rank_systems(loco, SCORING, draws=200)
    least = ranking.MIN_CORPORA_IN_DIAGRAM
    assert f"A rank diagram needs at least {least} corpora; this study holds out 2." in texts(
        ranking_figures.rank_diagram(ranks)
    )
    assert "good leads in 100% of the resamples." in texts(ranking_figures.rank_diagram(ranks.assign(corpora=least)))
    assert any("no two systems" in message for message in texts(ranking_figures.rank_diagram(ranks[:1])))
    table = comparison_tables.rank_table(ranks)
    assert table.loc["good", ["rank", "leads in"]].tolist() == ["1 [1, 1]", "100%"]
    sentence = comparison_text.resample_sentence(ranks, ranks, 200, 1.25)
    assert sentence.startswith("200 resamples of all speakers of the study took 1.2 s")
    assert sentence.endswith("by at most 0.0 points.")


def test_resamples_are_ordered_by_median(loco):
    drawn = ranking.resampled(loco, SCORING, draws=200)
    ax = ranking_figures.resample_bars(drawn, 0.95)
    assert "good leads in 100% of 200 resamples." in texts(ax)
    assert ax.get_yticklabels()[0].get_text() == "good"


def test_metrics_of_the_same_predictions(loco):
    table = sensitivity.metric_sensitivity(loco, SCORING)
    shown = texts(comparison_figures.metric_dots(table, "base"))
    assert {metric.title for metric in stats.CONFUSION_METRICS.values()} <= set(shown)
    assert comparison_text.metric_sentence(table) == "The best system depends on the metric on none of 2 corpora."
    other = table.assign(best_by="UAR")
    assert comparison_text.metric_sentence(other) == "The best system depends on the metric on 2 of 2 corpora."
    assert "one system" in comparison_text.metric_sentence(table[table["system"] == "base"])
    assert comparison_tables.metric_table(table).loc[("a", "good"), "leads by"] == "UAR, WA, macro F1, weighted F1"
    assert any("has not been tested" in message for message in texts(comparison_figures.metric_dots(table, "nobody")))


def test_splits_of_a_corpus_are_in_one_row(inflation):
    figure = comparison_figures.split_dots(inflation)
    assert len(set(points(figure.axes[0])[0])) == len(sensitivity.SPLIT_NAMES) * len(SPEAKERS)
    assert set(sensitivity.SPLIT_NAMES.values()) <= {text.get_text() for text in figure.legends[0].get_texts()}
    [added] = inflation.loc[
        (inflation["test_corpus"] == comparison.MEAN) & (inflation["than"] == sensitivity.SPLIT_NAMES["in_corpus"]),
        "points",
    ]
    assert f"s: a random split adds {added:.1f} points" in texts(figure)
    held_out = inflation[inflation["than"] == sensitivity.SPLIT_NAMES["loco"]]
    assert "s" in texts(comparison_figures.split_dots(held_out))
    sentence = comparison_text.inflation_sentence(inflation, "s")
    mean = inflation[(inflation["test_corpus"] == comparison.MEAN) & (inflation["split"] == "random")]
    assert all(f"{points:+.1f} [" in sentence for points in mean["points"])
    table = comparison_tables.inflation_table(inflation)
    assert table.columns.name is None
    assert table.index.get_level_values("corpus").tolist() == [*SPEAKERS, comparison.MEAN]
    lacking = inflation.assign(points=np.nan, split_value=np.nan, verdict="not trained with random on a")
    assert set(comparison_tables.inflation_table(lacking).iloc[0]) == {"not trained with random on a"}
    assert "not been tested" in comparison_text.inflation_sentence(lacking, "s")
    assert any("No corpus has been split" in message for message in texts(comparison_figures.split_dots(lacking)))


def published_rows(grey):
    numbers = published.numbers(TABLES)
    numbers = numbers[numbers["test_corpus"].isin(["meld", "emodb"])].reset_index(drop=True)
    why = np.where(grey, "other <classes>; another split", "")
    return numbers.assign(mer=0.4, low=0.3, high=0.5, n=2610.0, difference=0.0, grey=grey, reason=why)


def test_published_numbers_are_grey_unless_comparable():
    table = published_rows(grey=False)
    table.loc[table["test_corpus"] == "emodb", ["grey", "reason"]] = [True, "other <classes>; another split"]
    ax = published_figures.published_dots(table, ["meld", "emodb"])
    assert {"MER", "comparable", "not comparable"} <= set(texts(ax))
    page = published_text.published_table(table, ["meld", "emodb"]).to_html()
    assert "other &lt;classes&gt;; another split" in page
    assert "<classes>" not in page
    known = table[~table["grey"]]
    assert (
        page.count("the text encoder&#x27;s first checkpoint")
        == known["caveats"].str.contains("first checkpoint").groupby(known["table"]).any().sum()
    )
    assert page.count(palette.GREY) == 1  # one rule, for the cells of the one grey row
    count = int((~table["grey"]).sum())
    assert f"MER is comparable with {count} of them" in published_text.published_sentence(table, ["meld", "emodb"])
    assert "other <classes>" in published_text.published_sentence(table, ["meld", "emodb"])


def test_no_comparable_published_number():
    table = published_rows(grey=True)
    assert "MER" not in texts(published_figures.published_dots(table, ["meld"]))
    assert any("No published number" in message for message in texts(published_figures.published_dots(table, ["mine"])))
    assert published_text.published_sentence(table, ["mine"]).startswith("None of")
    page = published_text.published_table(table[table["test_corpus"] == "emodb"].iloc[:1], ["emodb"]).to_html()
    assert "our clips" not in page
    assert table.loc[table["test_corpus"] == "emodb", "system"].iloc[0] in page
    assert "corpora that are not in this study" in published_text.published_table(table, ["mine"]).to_html()


def test_averages_that_do_not_follow_are_named():
    result = published.averages(TABLES)
    sentence = published_text.averages_sentence(result)
    assert "trained on iemocap: 24.7 is printed, 24.2 follows" in sentence
    assert "trained on afew: 37.6 is printed, 36.3 follows" in sentence
    assert published_text.averages_sentence(result[result["reproduces"]]).endswith("follow from their cells.")


def test_empty_comparisons(loco):
    no_rows, empty = loco[:0], comparison.empty()
    scored, gaps = slices.score(no_rows, manifest(), SCORING)
    ranks, metrics = (
        ranking.rank_systems(no_rows, SCORING),
        sensitivity.metric_sensitivity(no_rows, SCORING),
    )
    inflation, recalls = (
        sensitivity.split_inflation(no_rows, SCORING),
        slices.recalls(no_rows, SCORING),
    )
    drawn = ranking.resampled(no_rows, SCORING, draws=5)
    figures = [
        comparison_figures.difference_forest(empty, "no reference"),
        comparison_figures.gap_forest(gaps),
        comparison_figures.recall_heatmap(recalls),
        comparison_figures.split_dots(inflation),
        comparison_figures.metric_dots(metrics, "s"),
        ranking_figures.rank_diagram(ranks),
        ranking_figures.resample_bars(drawn, 0.95),
    ]
    tables = [
        comparison_tables.difference_table(empty),
        comparison_tables.rank_table(ranks),
        comparison_tables.metric_table(metrics),
        comparison_tables.inflation_table(inflation),
        comparison_tables.gap_table(gaps),
        comparison_tables.slice_table(scored),
    ]
    assert all(texts(figure) for figure in figures)
    for table in tables:
        assert table.empty
    assert comparison_text.difference_sentence(empty, 0.05, "no reference") == "There is no comparison: no reference."
    assert comparison_text.gap_sentence(scored, gaps).startswith("No corpus has slices")
    assert "nothing to resample" in comparison_text.resample_sentence(ranks, ranks, 5, 0.0)
    assert comparison_text.metric_sentence(metrics)
