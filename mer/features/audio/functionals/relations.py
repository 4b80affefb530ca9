"""Relations between two descriptors over frames. Constants that a channel adds do not change them.

| statistic | formula | unit |
|---|---|---|
| `per_db` | cov(x, L) / (var L + 1), L the level in dB: the change of x as a voice gets louder | x's, per dB |
| `per_semitone` | the same with the pitch in semitones: the change of x as a voice gets higher | x's, per semitone |
| `correlation` | cov(x, y) / √((var x + e²) (var y + e²)), e = 0.1; `periodicity` counts in tenths | -1-1 |

Because of the added constants, a contour that does not vary has no relation, instead of that of its rounding errors.
Vocal effort tilts the spectrum, raises the first formant and raises the pitch; emotions differ in these relations.
"""

import numpy as np

MIN_DEVIATION = 0.1
"""The standard deviation that is added, as a variance, to that of each descriptor, in its unit."""


def slopes(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return `per_db` or `per_semitone` of each column.

    Args:
        values: shape (frames, descriptors).
        by: level in dB or pitch in semitones, shape (frames,).

    >>> level = np.array([-30.0, -10.0, -20.0])
    >>> slopes(np.column_stack([level, -2 * level, np.ones(3)]), level).round(2).tolist()
    [0.99, -1.97, 0.0]
    """
    centred = by - by.mean()
    return (centred @ (values - values.mean(axis=0))) / (centred @ centred + len(by))


def correlations(values: np.ndarray) -> np.ndarray:
    """Return `correlation` of each pair of columns, the first with those after it, then the second, and so on.

    >>> correlations(np.array([[0.0, 0, 1], [10, -10, 1], [20, -20, 1]])).round(2).tolist()
    [-1.0, 0.0, 0.0]
    """
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred / len(values)
    scale = np.sqrt(covariance.diagonal() + MIN_DEVIATION**2)
    return (covariance / np.outer(scale, scale))[np.triu_indices(values.shape[1], 1)]
