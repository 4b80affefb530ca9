"""What can be scored without hearing an emotion, under the same split as the models."""

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.splits import fold_parts


def duration_shortcut(manifest: pd.DataFrame, classes: tuple[str, ...], confidence: float = 0.95) -> pd.DataFrame:
    """Return what the length of a clip alone scores, per corpus, under the same folds as the models.

    A shallow tree on the duration is trained on the other folds (on the official training part where
    there is one). UAR far above chance: recording or cutting gives the label away.

    Returns:
        columns corpus, UAR, low, high, chance, flagged (the whole interval lies more than a
        quarter of the way from chance to perfect).
    """
    from sklearn.tree import DecisionTreeClassifier

    rows = []
    for corpus, part in manifest.groupby("corpus", sort=True):
        part = part.reset_index(drop=True)
        truth = part["emotion"].map({c: i for i, c in enumerate(classes)}).to_numpy()
        if len(set(truth)) < 2 or part["speaker_id"].nunique() < 3:
            continue
        seconds = part["duration"].to_numpy(dtype=float)[:, None]
        predicted = np.full(len(part), -1)
        for train, test in _parts(part):
            tree = DecisionTreeClassifier(
                max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=0
            )
            predicted[test] = tree.fit(seconds[train], truth[train]).predict(seconds[test])
        scored = predicted >= 0
        if not scored.any():
            continue
        clusters = part["dialogue_id"] if part["fold"].isna().all() else part["speaker_id"]
        confusions, _ = stats.cluster_confusions(
            truth[scored], predicted[scored], clusters.to_numpy()[scored], len(classes)
        )
        interval = stats.jackknife(confusions, confidence=confidence)
        k = len(set(truth[scored]))
        rows.append(
            (corpus, interval.point, interval.low, interval.high, 1 / k, stats.chance_corrected(interval.low, k) > 0.25)
        )
    return pd.DataFrame(rows, columns=["corpus", "UAR", "low", "high", "chance", "flagged"])


def _parts(part: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    if part["fold"].isna().all():
        train, test = (np.flatnonzero(part["split"] == name) for name in ("train", "test"))
        return [(train, test)] if len(train) and len(test) else []
    return [(np.concatenate([train, validation]), test) for train, validation, test in fold_parts(part)]
