"""How often two trainings of one algorithm are called different, and how often a better algorithm is found.

    python -m benchmarks.comparisons [--repeats 300] [--jobs 2]

A speaker's recall of a class is expit(b_sk + gain + u_ik + e_isk): b are the speakers, the same for both systems; u is
what the training with seed i does to a class for all speakers, with the deviation of the third column; e is what it
does to one speaker's class, with a deviation of `OWN`. Beside the verdict of `stats.compare` stands that of its two
questions each, and what is found for the first seed of each alone, of which is only said that models differ. The last
table has no seeds: one system is the same for all, and the other very good for four of five speakers and useless for
the fifth, with the same mean.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from mer import stats

LEVEL, OWN = 0.05, 0.3
SIZES = ((6, 4, 20), (20, 7, 8), (90, 7, 8))
"""speakers, classes, clips of each"""
SEEDS = ((2, 2), (3, 3), (5, 5), (1, 3), (1, 5))
"""of either system; one seed is an algorithm with one solution"""
DEVIATIONS = (0.0, 0.15, 0.3)


def answers(clips: int, recalls: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return confusions of so many clips of each class; recalls of shape (..., classes)."""
    right, at = rng.binomial(clips, recalls), np.arange(recalls.shape[-1])
    counts = np.zeros((*recalls.shape, len(at)), int)
    counts[..., at, at], counts[..., at, (at + 1) % len(at)] = right, clips - right
    return counts


def trainings(
    base: np.ndarray, clips: int, seeds: int, deviation: float, gain: float, rng: np.random.Generator
) -> np.ndarray:
    """Return confusions of one algorithm's trainings on the same speakers, shape (seeds, speakers, k, k)."""
    deviation = deviation if seeds > 1 else 0.0
    moved = rng.normal(0, deviation, (seeds, 1, base.shape[1])) + rng.normal(0, OWN, (seeds, *base.shape))
    return answers(clips, expit(base + gain + moved), rng)


def verdicts(
    size: tuple[int, int, int], seeds: tuple[int, int], deviation: float, gain: float, repeats: int, seed: int = 0
) -> dict[str, float]:
    """Return how often the two are told apart."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(repeats):
        base = rng.normal(0, 1, size[:2])
        pair = tuple(
            trainings(base, size[2], number, deviation, more, rng)
            for number, more in zip(seeds, (gain, 0.0), strict=True)
        )
        found, one = stats.compare([pair]), stats.compare([tuple(side[:1] for side in pair)])
        flips = stats.sign_flip([pair])[0]
        rows.append((found.p <= LEVEL, not found.low <= 0 <= found.high, flips <= LEVEL, one.p <= LEVEL))
    return dict(
        zip(("verdict", "mean", "swaps", "first seeds alone"), np.mean(rows, axis=0).round(3).tolist(), strict=True)
    )


def skewed(speakers: int, repeats: int, seed: int = 0) -> dict[str, float]:
    """Return how often systems with the same mean are told apart, where one fails for a fifth of the people."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(repeats):
        bad = rng.random(speakers) < 0.2
        recalls = np.where(bad, 0.05, (0.5 - 0.2 * 0.05) / 0.8)[:, None].repeat(4, axis=1)
        pair = answers(20, np.full((speakers, 4), 0.5), rng), answers(20, recalls, rng)
        found = stats.compare([pair])
        rows.append((found.p <= LEVEL, not found.low <= 0 <= found.high, stats.sign_flip([pair])[0] <= LEVEL))
    return dict(zip(("verdict", "mean", "swaps"), np.mean(rows, axis=0).round(3).tolist(), strict=True))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    cases = list(product(SIZES, SEEDS, DEVIATIONS))
    with ProcessPoolExecutor(given.jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        for gain in (0.0, 0.5):
            work = partial(verdicts, gain=gain, repeats=given.repeats)
            found = pool.map(work, *zip(*cases, strict=True))
            rows = [
                {"speakers": s[0], "seeds": f"{n[0]} and {n[1]}", "deviation": d} | row
                for (s, n, d), row in zip(cases, found, strict=True)
            ]
            print(f"\ntold apart at {LEVEL:.0%}, one better by {gain} logits")
            print(pd.DataFrame(rows).to_string(index=False))
        numbers = (6, 8, 12, 24, 90)
        rows = pool.map(partial(skewed, repeats=given.repeats), numbers)
        print("\ntold apart though equal on the mean, where one fails for every fifth speaker")
        print(
            pd.DataFrame([{"speakers": n} | row for n, row in zip(numbers, rows, strict=True)]).to_string(index=False)
        )


if __name__ == "__main__":
    main()
