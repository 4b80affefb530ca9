import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mer.report.figures import dataset as dataset_figures
from mer.report.figures import features as feature_figures
from mer.report.figures import scores as score_figures
from mer.report.figures import training as training_figures
from tests.report.report_rows import result, table

CLASSES = ["neutral", "happiness", "anger"]
MANIFEST_FIGURES = [dataset_figures.class_counts, dataset_figures.split_sizes, dataset_figures.duration_distribution]


def draw(drawn):
    figure = drawn if isinstance(drawn, plt.Figure) else drawn.figure
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(plt.Text)]


@pytest.mark.parametrize("figure", MANIFEST_FIGURES)
@pytest.mark.parametrize("rows", [6, 4, 1, 0])
def test_manifest_figures(figure, rows, manifest):
    texts = draw(figure(manifest.iloc[:rows]))
    assert "EMO-DB" in texts if rows else any("No clip" in text for text in texts)


def test_pandas_strings_and_categories(manifest):
    other = manifest.astype({"corpus": "category", "emotion": "string", "split": "category"})
    for figure in MANIFEST_FIGURES:
        assert draw(figure(other)) == draw(figure(manifest))


def test_matrix_heatmap(results):
    texts = draw(score_figures.matrix_heatmap(results, "gated", "restricted"))
    assert {".800", ".200", ".600", score_figures.OTHERS} <= set(texts)
    assert any(
        "no cross-corpus results" in text for text in draw(score_figures.matrix_heatmap(results, "other", "free"))
    )
    draw(score_figures.matrix_heatmap(results, "svm", "free"))


def test_loco_forest(results):
    ax = score_figures.loco_forest(results)
    assert {r"TE\$\$", "svm (transductive)", "chance"} <= set(draw(ax))
    assert any("No corpus" in text for text in draw(score_figures.loco_forest(table([]))))


def test_figures_mark_corpora_with_a_breach():
    rows = table(
        [result(test="A", flagged=True), result(test="B"), result(test="A", answers="restricted", flagged=True)]
    )
    for figure in (score_figures.loco_forest(rows), score_figures.matrix_heatmap(rows, "gated", "restricted")):
        texts = draw(figure)
        assert "A §" in texts
        assert "B §" not in texts
        assert any("a breach of the audit affects these scores" in text for text in texts)


def test_confusion_heatmap():
    texts = draw(score_figures.confusion_heatmap([[3, 1, 0], [0, 0, 0], [1, 0, 1]], CLASSES))
    assert {".75", "neutral (4)", "–", "Share of 6 predictions by true class; the diagonal is recall."} <= set(texts)
    assert "There are no predictions." in draw(score_figures.confusion_heatmap(np.zeros((3, 3)), CLASSES))


@pytest.mark.parametrize("n", [0, 1, 5000])
def test_feature_map(n):
    names = pd.Series(np.resize(["a$b$", "c"], n), dtype=object)
    figure = feature_figures.feature_map(np.random.default_rng(0).normal(size=(n, 2)), names, names.where(names == "c"))
    draw(figure)
    assert len(figure.axes) == 2


def test_training_curves():
    rows = [
        ("gated, seed 0", epoch, corpus, metric, epoch / 9)
        for epoch in range(3)
        for corpus, metric in [("", "loss"), ("EMO-DB", "UAR"), ("mean", "UAR")]
    ]
    history = pd.DataFrame(rows, columns=["run", "epoch", "corpus", "metric", "value"])
    assert {"UAR by epoch", "mean"} <= set(draw(training_figures.training_curves(history)))
    assert any("No training" in text for text in draw(training_figures.training_curves(history.iloc[:0])))


def test_seaborn_is_imported_when_a_figure_is_drawn():
    modules = ("comparisons", "dataset", "features", "predictions", "published", "ranking", "scores", "training")
    code = "import sys; " + "; ".join(f"import mer.report.figures.{name}" for name in modules)
    subprocess.run([sys.executable, "-c", f"{code}; assert 'seaborn' not in sys.modules"], check=True)


def test_figures_leave_settings_of_matplotlib_and_are_the_same_when_repeated(results, manifest):
    settings = dict(plt.rcParams)
    for draw_figure in (lambda: score_figures.loco_forest(results), lambda: dataset_figures.class_counts(manifest)):
        images = []
        for _ in range(2):
            ax = draw_figure()
            ax.figure.canvas.draw()
            images.append(np.asarray(ax.figure.canvas.buffer_rgba()).copy())
        assert (images[0] == images[1]).all()
    assert dict(plt.rcParams) == settings


def test_single_curve_has_no_legend():
    history = pd.DataFrame({"run": "a", "epoch": [0, 1], "corpus": "", "metric": "loss", "value": [1.0, 0.5]})
    assert training_figures.training_curves(history).axes[0].get_legend() is None
