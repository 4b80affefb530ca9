r"""Empirical Bayes: mean and deviation of a speaker, shrunk towards those of the corpus by the number of clips.

With z the features standardised within the corpus, and n clips of a speaker with mean z̄,

.. math:: m = \frac{n}{n + k_1} \bar z, \quad
          v = \frac{\sum_i (z_i - m)^2 + k_2}{n + k_2}, \quad z' = \frac{z - m}{\sqrt v}

so that a speaker without clips is scaled as the corpus is. Of a normal distribution of speakers with variance τ² around
the corpus, and of clips with variance σ² around their speaker, m is the posterior mean if k₁ = σ²/τ² [Efron and Morris
1973, "Stein's estimation rule and its competitors", JASA 68]. k₂ is the same ratio for squared deviations. Both are
estimated for each feature on the training rows, by the analysis of variance [Searle, Casella and McCulloch 1992,
"Variance components", section 3.6], without labels.
"""

import numpy as np

from mer.training.scaling.by_group import UNKNOWN, RowGroups, rows_by_group, standardised

MAX_RATIO = 1e6
"""The largest ratio k. It stands for features in which speakers do not differ."""
DEFAULT_RATIO = 10.0
"""The ratio k, in clips, if the training rows have no corpus of two speakers with two clips each."""


def apply(values: np.ndarray, groups: RowGroups, ratios: np.ndarray) -> np.ndarray:
    """Return values of which each speaker is scaled by shrunk statistics.

    Args:
        values: shape (rows, width).
        groups: speakers are the own groups.
        ratios: k₁ and k₂ of each feature, as from `fit`.

    Returns:
        float32 of shape (rows, width); rows that lack the input are zeros.
    """
    scaled = np.zeros(values.shape, np.float32)
    for rows in rows_by_group(groups.corpora, groups.rows):
        z = standardised(values[rows], np.ones(len(rows), bool))
        for own in rows_by_group(groups.own[rows], np.arange(len(rows))):
            if groups.own[rows[own[0]]] != UNKNOWN:
                z[own] = _without_speaker(z[own], ratios)
        scaled[rows] = z
    return scaled


def _without_speaker(z: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    of_mean, of_deviation = len(z) / (len(z) + ratios)
    deviations = z - of_mean * z.mean(axis=0)
    variance = of_deviation * (deviations**2).mean(axis=0) + (1 - of_deviation)
    return deviations / np.sqrt(np.maximum(variance, 1e-12))


def fit(values: np.ndarray, groups: RowGroups) -> np.ndarray:
    """Return the ratios k₁ and k₂ of each feature, float64 of shape (2, width), between 0 and `MAX_RATIO`.

    Args:
        values: shape (rows, width).
        groups: `rows` are the training rows that have the input.
    """
    z, squares = np.zeros((len(groups.rows), values.shape[1])), np.zeros((len(groups.rows), values.shape[1]))
    own, corpora = groups.own[groups.rows], groups.corpora[groups.rows]
    everyone = np.arange(len(groups.rows))
    for rows in rows_by_group(corpora, everyone):
        z[rows] = standardised(values[groups.rows[rows]], np.ones(len(rows), bool))
    for rows in rows_by_group(own, everyone):
        squares[rows] = (z[rows] - z[rows].mean(axis=0)) ** 2 * (len(rows) / max(1, len(rows) - 1))
    return np.stack([variance_ratio(each, own, corpora) for each in (z, squares)])


def variance_ratio(values: np.ndarray, speakers: np.ndarray, corpora: np.ndarray) -> np.ndarray:
    """Return the variance of clips around their speaker divided by that of speakers around their corpus.

    Speakers with a single clip do not count.

    Args:
        values: shape (n, width).
        speakers, corpora: of each row, str of shape (n,); a speaker is in one corpus.

    Returns:
        float64 of shape (width,), between 0 and `MAX_RATIO`; `DEFAULT_RATIO` if it cannot be estimated.

    >>> one = np.repeat([0.0, 2.0, 4.0], 2)[:, None] + np.tile([-1.0, 1.0], 3)[:, None]
    >>> variance_ratio(one, np.repeat(["a", "b", "c"], 2), np.full(6, "corpus")).tolist()
    [0.6666666666666666]
    """
    width = values.shape[1]
    within, between, n_within, n_between, coefficient = np.zeros(width), np.zeros(width), 0, 0, 0.0
    for rows in rows_by_group(corpora, np.arange(len(values))):
        clips = [values[own] for own in rows_by_group(speakers, rows) if len(own) > 1]
        if len(clips) < 2:
            continue
        counts = np.array([len(own) for own in clips])
        means = np.stack([own.mean(axis=0) for own in clips])
        within += sum(((own - mean) ** 2).sum(axis=0) for own, mean in zip(clips, means, strict=True))
        between += (counts[:, None] * (means - np.average(means, axis=0, weights=counts)) ** 2).sum(axis=0)
        n_within, n_between = n_within + counts.sum() - len(counts), n_between + len(counts) - 1
        coefficient += counts.sum() - (counts**2).sum() / counts.sum()
    if not n_between:
        return np.full(width, DEFAULT_RATIO)
    of_clips = within / n_within
    of_speakers = np.maximum((between / n_between - of_clips) * n_between / coefficient, 0.0)
    ratio = np.divide(of_clips, of_speakers, out=np.full(width, MAX_RATIO), where=of_speakers > 0)
    return np.minimum(ratio, MAX_RATIO)
