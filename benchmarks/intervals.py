"""How often intervals hold what they should and tests find what is not there, by speakers as unlike as real ones.

    python -m benchmarks.intervals [--repeats 4000] [--jobs 2]
    python -m benchmarks.intervals --fit RAW

The last lines are the time that 10,000 resamples of a study take.

A speaker's recall of a class is logistic in the class, in how easy the speaker is, and in how the speaker says that
class: expit(mu_k + easy * a_s + own * b_sk), a and b standard normal. `CONDITIONS` says how large these are, `SIZES`
how many speakers and clips there are; both are of real corpora and classifiers, and `--fit` estimates them again from
a folder of corpora as below data/raw. What is to be covered is the UAR over all speakers that there could be.
"""

import argparse
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from mer import stats


@dataclass(frozen=True)
class Condition:
    """How well classes are recognised, and how much speakers differ, on the scale of logits."""

    centre: float
    spread: float
    """deviation of the classes' mu"""
    easy: float
    own: float


@dataclass(frozen=True)
class Size:
    """Speakers, classes, clips per speaker and class, and by how much (deviation over mean) speakers differ in them."""

    speakers: int
    classes: int
    clips: float
    uneven: float


CONDITIONS = {
    "another corpus": Condition(-0.8, 1.8, 0.05, 1.1),
    "another corpus, speaker norm": Condition(-0.25, 0.6, 0.4, 0.4),
    "same corpus": Condition(-0.45, 1.0, 0.05, 2.6),
    "easy corpus": Condition(3.3, 1.0, 0.8, 2.6),
}
"""medians over EmoSpeech-IN, EMO-DB, nEMO, RAVDESS and TurEV-DB of what `--fit` finds for a logistic regression on
`functionals`, answers restricted: corpora held out; the same with features standardised per speaker; speakers held
out; and EMO-DB with speakers held out, the easiest"""
SIZES = (Size(2, 6, 20, 0.1), Size(4, 4, 16, 0.25), Size(7, 6, 20, 0.1), Size(20, 7, 8, 0.0), Size(90, 4, 2, 0.7))
"""two of nEMO's speakers; TurEV-DB, nEMO, 20 speakers of RAVDESS, and EmoSpeech-IN"""
ENDS, FEW, OFTEN = (0.03, 0.9, 0.95, 0.98, 0.99), (4, 5, 6, 8, 10, 14, 20), ((4, 10), (4, 40), (7, 4), (2, 20))
"""UARs near 0 and 1, and speakers, classes and clips by which they are covered"""
SPREADS = {"alike": (0.5, 0.5), "unlike": (0.05, 1.1), "very unlike": (0.8, 2.6)}
"""how easy speakers are, and what is peculiar to them, near 0 and 1"""
CONFIDENCE, DRAWS = 0.95, 1000
STUDY = {"systems": 10, "seeds": 5, "classes": 7, "speakers": (90, 24, 20, 10, 8, 7, 4, 4)}
"""whose resamples are timed; speakers per corpus"""
SHARED = 0.7
"""of the deviation of what is peculiar to a speaker, the part that two systems have in common"""


def speak(size: Size, condition: Condition, rng: np.random.Generator, gains: tuple[float, ...] = (0.0,)) -> np.ndarray:
    """Return confusions of systems on the same simulated clips, shape (systems, speakers, classes, classes).

    Args:
        gains: by how many logits each system is better.
    """
    shape = (size.speakers, size.classes)
    clips = np.zeros(shape, int)
    while not clips.any(axis=0).all():  # every class is said
        deviation = np.sqrt(np.log1p(size.uneven**2))
        clips = rng.poisson(size.clips * rng.lognormal(-(deviation**2) / 2, deviation, (size.speakers, 1)), shape)
        if size.uneven == 0:
            clips = np.full(shape, round(size.clips))
    common = [rng.normal(size=(size.speakers, 1)), rng.normal(size=shape)]
    alone, found, at = np.sqrt(1 - SHARED**2), [], np.arange(size.classes)
    for gain in gains:
        easy, own = (SHARED * c + alone * rng.normal(size=c.shape) for c in common)
        right = rng.binomial(
            clips, expit(_classes(size, condition) + gain + condition.easy * easy + condition.own * own)
        )
        counts = np.zeros((*shape, size.classes), int)
        counts[:, at, at], counts[:, at, (at + 1) % size.classes] = right, clips - right
        found.append(counts)
    return np.stack(found)


def truth(size: Size, condition: Condition) -> float:
    """Return the UAR over all speakers that there could be."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    recalls = expit(_classes(size, condition)[:, None] + np.hypot(condition.easy, condition.own) * nodes)
    return float((recalls @ weights / weights.sum()).mean())


def coverage(size: Size, condition: Condition, repeats: int, seed: int = 0) -> dict[str, float]:
    """Return how often the jackknife's and the bootstrap's percentile interval hold the truth, and their mean widths;
    NaN where there is no interval."""
    rng, value, rows = np.random.default_rng(seed), truth(size, condition), []
    for repeat in range(repeats):
        [counts] = speak(size, condition, rng)
        ours = stats.jackknife(counts, confidence=CONFIDENCE)
        low, high = stats.percentile(stats.resample({"": counts}, draws=DRAWS, seed=repeat)[""], CONFIDENCE)
        rows.append((_holds(ours.low, value, ours.high), ours.high - ours.low, _holds(low, value, high), high - low))
    names = ("jackknife", "its width", "percentile", "width of that")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def near_the_ends(spread: tuple[float, float], repeats: int, seed: int = 0) -> pd.DataFrame:
    """Return how often the jackknife holds a UAR near 0 or 1 and how often it lies beyond, and its width."""
    rng, rows = np.random.default_rng(seed), []
    for value, speakers, (classes, clips) in product(ENDS, FEW, OFTEN):
        size, condition = Size(speakers, classes, clips, 0.0), _condition(value, spread)
        for _ in range(repeats):
            found = stats.jackknife(speak(size, condition, rng)[0], confidence=CONFIDENCE)
            low, high = found.low > value, found.high < value
            rows.append((value, speakers, classes, clips, not (low or high), low, high, found.high - found.low))
    columns = ["UAR", "speakers", "classes", "clips", "held", "below it", "above it", "width"]
    return pd.DataFrame(rows, columns=columns).groupby(columns[:4]).mean()


def _condition(value: float, spread: tuple[float, float]) -> Condition:
    """The same recall of all classes, so that the UAR over all speakers is the value."""
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        one = Condition(middle, 0.0, *spread)
        low, high = (middle, high) if truth(Size(1, 2, 1, 0), one) < value else (low, middle)
    return one


def rejections(size: Size, condition: Condition, gain: float, repeats: int, seed: int = 0) -> dict[str, float]:
    """Return how often two systems are told apart at 5 %: by `compare`, and by its interval alone."""
    rng, rows = np.random.default_rng(seed), []
    for repeat in range(repeats):
        found = stats.compare([tuple(speak(size, condition, rng, (gain, 0.0)))], seed=repeat)
        rows.append((found.p <= 0.05, 1 - _holds(found.low, 0, found.high)))
    return dict(zip(("sign flips", "interval without 0"), np.mean(rows, axis=0).tolist(), strict=True))


def seconds(draws: int = 10_000) -> float:
    """Return how long it takes to resample `STUDY`, all systems and seeds with the same speakers."""
    rng, shape = np.random.default_rng(0), (STUDY["seeds"], STUDY["classes"], STUDY["classes"])
    study = {
        s: {str(n): rng.poisson(3, (shape[0], s, *shape[1:])) for n in range(STUDY["systems"])}
        for s in set(STUDY["speakers"])
    }
    start = time.perf_counter()
    for speakers in STUDY["speakers"]:
        stats.resample(study[speakers], draws=draws)
    return time.perf_counter() - start


def fit(counts: np.ndarray) -> Condition:
    """Estimate a condition by maximum likelihood, the normal variables integrated out by quadrature.

    Args:
        counts: confusions, shape (speakers, classes, classes).
    """
    clips = counts.sum(axis=2)
    said = clips.any(axis=0)
    clips, right = clips[:, said], np.einsum("skk->sk", counts)[:, said]
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    weigh = np.log(weights / weights.sum())

    def loss(parameters: np.ndarray) -> float:
        easy, own = np.exp(parameters[-2:])
        logits = parameters[:-2, None, None] + easy * nodes[:, None] + own * nodes
        right_log, wrong_log = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
        cells = right[..., None, None] * right_log + (clips - right)[..., None, None] * wrong_log
        return -float(logsumexp(logsumexp(cells + weigh, axis=-1).sum(axis=1) + weigh, axis=-1).sum())

    share = (right.sum(axis=0) + 0.5) / (clips.sum(axis=0) + 1)
    start = np.r_[np.log(share / (1 - share)), -0.5, -0.5]
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(-6, 6)] * len(share) + [(-3, 1.5)] * 2).x
    return Condition(float(found[:-2].mean()), float(found[:-2].std()), *np.exp(found[-2:]).tolist())


def fit_corpora(raw: Path, store: Path) -> None:
    """Print what `fit` finds for each corpus, norm and protocol."""
    from benchmarks import functionals, model_quality
    from mer.dataset.manifest import labels

    manifest, names = functionals.dataset(raw), labels.classes("paper7")
    vectors = functionals.vectors(manifest, raw, store, "functionals")
    numbers = manifest["emotion"].map({name: at for at, name in enumerate(names)}).to_numpy(dtype=np.int64)
    corpora, speakers = (manifest[column].to_numpy(dtype=str) for column in ("corpus", "speaker_id"))
    clips, rows = model_quality.Clips(numbers, corpora, speakers, len(names)), []
    for kind in model_quality.NORMS:
        cells = model_quality.confusions(vectors, clips, "logistic", kind)
        for (protocol, answers), found in cells.items():
            for corpus, counts in found.items():
                about = (kind, protocol, answers, corpus, len(counts))
                rows.append((*about, *vars(fit(counts)).values(), stats.uar(counts.sum(axis=0))))
    columns = ["norm", "protocol", "answers", "corpus", "speakers", "centre", "spread", "easy", "own", "UAR"]
    frame = pd.DataFrame(rows, columns=columns).sort_values(columns[:4])
    print(frame.round(2).to_string(index=False))
    print(frame.groupby(columns[:3])[columns[5:]].median().round(2).to_string())


def _classes(size: Size, condition: Condition) -> np.ndarray:
    quantiles = norm.ppf((np.arange(size.classes) + 0.5) / size.classes)
    return condition.centre + condition.spread * quantiles / quantiles.std()


def _holds(low: float, value: float, high: float) -> float:
    return float(low <= value <= high) if np.isfinite(low) else np.nan


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fit", type=Path, metavar="RAW")
    parser.add_argument("--store", type=Path, default=Path("data/store"), help="where --fit keeps features")
    given = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, NumPy {np.__version__}")
    if given.fit:
        fit_corpora(given.fit, given.store)
        return
    noise = 100 * np.sqrt(CONFIDENCE * (1 - CONFIDENCE) / given.repeats)
    with ProcessPoolExecutor(given.jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        cases = list(product(SIZES, CONDITIONS))
        about = [{"speakers": s.speakers, "condition": name, "UAR": truth(s, CONDITIONS[name])} for s, name in cases]
        sides = [s for s, _ in cases], [CONDITIONS[name] for _, name in cases]
        covered = pool.map(partial(coverage, repeats=given.repeats), *sides)
        print(f"\ncoverage of 95 % intervals, {given.repeats} repeats (by chance ±{2 * noise:.1f} points)")
        print(pd.DataFrame([a | row for a, row in zip(about, covered, strict=True)]).round(3).to_string(index=False))
        for name, found in zip(
            SPREADS, pool.map(partial(near_the_ends, repeats=given.repeats // 4), SPREADS.values()), strict=True
        ):
            share = found["held"]
            print(f"\nnear 0 and 1, speakers {name}: held {share.mean():.3f}, {share.min():.3f} to {share.max():.3f}")
            print(found.groupby(["UAR", "speakers"]).mean().round(3).to_string())
        wide = partial(rejections, repeats=given.repeats // 4)
        for gain in (0.0, 0.5):
            found = pool.map(partial(wide, gain=gain), *sides)
            print(f"\ndifferences found at 5 %, where one system is better by {gain} logits")
            print(pd.DataFrame([a | row for a, row in zip(about, found, strict=True)]).round(3).to_string(index=False))
    print(f"\n10,000 resamples of a study ({STUDY}): {seconds():.1f} s")


if __name__ == "__main__":
    main()
