"""The table of scores of systems that are trained on several classes at once."""

import pandas as pd
from pandas.io.formats.style import Styler

from mer.report.style.numbers import format_score, short
from mer.stats import MULTI_LABEL_METRICS

PROTOCOL, SYSTEM, CORPUS = "protocol", "system", "tested on"
CAPTION = (
    "Several emotions at once. wAcc, Jaccard accuracy, example F1, recall of yes and weighted F1 are what the paper "
    "prints for CMU-MOSEI, there called wAcc, Acc, F1, UAR and wF1. In brackets: the interval; after “constant”, the "
    "highest score of one set of labels that is predicted for every utterance."
)


def multi_label_table(results: pd.DataFrame) -> Styler | None:
    """Return a row per system, protocol and test corpus, and a column per metric; None if there is no such score.

    Args:
        results: tidy (mer/evaluation/scores/scores.py).
    """
    rows = results[results["metric"].isin(list(MULTI_LABEL_METRICS)) & results["seed"].isna()]
    if rows.empty:
        return None
    titles = {name: metric.title for name, metric in MULTI_LABEL_METRICS.items()}
    texts = [f"{format_score(row)}, constant {short(row['chance'])}" for _, row in rows.iterrows()]
    table = rows.assign(text=texts, metric=rows["metric"].map(titles))
    table = table.rename(columns={"test_corpus": CORPUS}).pivot(
        index=[PROTOCOL, SYSTEM, "train_corpora", CORPUS], columns="metric", values="text"
    )
    return table.reindex(columns=list(titles.values())).rename_axis(columns=None).style.set_caption(CAPTION)
