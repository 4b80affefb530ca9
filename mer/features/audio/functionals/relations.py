"""How descriptors move together: statistics over frames of two contours at once, the same whatever the channel adds.

| statistic | formula | unit |
|---|---|---|
| `per_db` | cov(x, L) / (var L + 1), L the frame's level in dB: what x does where a voice gets louder | x's, per dB |
| `per_semitone` | the same with the pitch in semitones: what x does where a voice gets higher | x's, per semitone |
| `correlation` | cov(x, y) / √((var x + e²) (var y + e²)), e = 0.1; `periodicity` counts in tenths | -1-1 |

The constants let a contour that does not move have no relation, rather than that of its rounding errors. Vocal effort
tilts the spectrum, opens the first formant and raises the pitch, and feelings couple these differently.
"""

import numpy as np

LEAST = 0.1


def slopes(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return `per_db` or `per_semitone` of each column.

    Args:
        values: shape (frames, descriptors).
        by: level or pitch, shape (frames,).

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
    scale = np.sqrt(covariance.diagonal() + LEAST**2)
    return (covariance / np.outer(scale, scale))[np.triu_indices(values.shape[1], 1)]
