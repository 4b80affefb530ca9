"""What is called unlike the training data: clips of speakers and corpora that were not trained on, and damaged ones.

    python benchmarks/unusual_inputs.py RUN [--clips 80]

RUN is the folder of a study whose steps 01 and 02 are done, such as outputs/voice. Every corpus is left out in turn.
Measures are fitted on the training speakers of the others, with the limit that 5 % of these rows exceed, found in five
folds. The table has the shares of clips beyond it: of the other speakers of the same corpora, of the corpus that was
left out, and of clips of the latter after damage, means over the corpora left out. Which measure is best is chosen
without that corpus: by the same damage to the other speakers, less what is called unlike of them undamaged. The row
`sound` is what `mer.predict.inputs.input_checks` warns of without training data, and `warned` that or the measure in
use.

The limits of `input_checks` are far from clean speech: of 1,116 clips of five corpora it warns of five, all of them
recorded over the web. It warns of all clips that are amplified tenfold and clipped, or limited to 300 to 3,400 Hz. Of
clips that were clipped at another rate and then resampled it warns of nine in ten; slight clipping is not noticed.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soxr
from scipy import signal

from mer import features, files, params
from mer.dataset.manifest import schema
from mer.features import Resources, registry
from mer.media import audio, recordings
from mer.predict.inputs import input_checks
from mer.training.checkpoints.inputs.input_statistics import FOLDS, TAIL_SHARE, UNUSUAL_SHARE

RATE = audio.RATE_HZ
Measure = Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]
"""training vectors -> (vectors -> how unlike each is)"""


def telephone(x: np.ndarray, r: np.random.Generator) -> np.ndarray:
    narrow = signal.sosfilt(signal.butter(6, (300, 3400), "bandpass", fs=RATE, output="sos"), x)
    return soxr.resample(soxr.resample(narrow, RATE, 8000), 8000, RATE)


def overdriven(x: np.ndarray, r: np.random.Generator) -> np.ndarray:
    return np.clip(10 * x / np.abs(x).max(), -1, 1)


def resampled(x: np.ndarray, r: np.random.Generator) -> np.ndarray:
    """Cut off at 44.1 kHz, as a recorder does."""
    return soxr.resample(overdriven(soxr.resample(x, RATE, 44_100), r), 44_100, RATE)


def noisy(x: np.ndarray, r: np.random.Generator, db: float = 0.0) -> np.ndarray:
    return x + r.normal(0, np.sqrt((x**2).mean()) * 10 ** (-db / 20), len(x))


def echoing(x: np.ndarray, r: np.random.Generator) -> np.ndarray:
    """In a room where a sound needs 0.8 s to fall by 60 dB, three steps from the speaker."""
    room = r.normal(size=RATE) * 10 ** (-3 * np.arange(RATE) / RATE / 0.8)
    room[0] = 6
    return signal.fftconvolve(x, room)[: len(x)] / 20


def tones(x: np.ndarray, r: np.random.Generator) -> np.ndarray:
    """Chords of a plucked string, four in a second, as long as the clip."""
    t = np.arange(RATE // 4) / RATE
    pitches = 220 * 2 ** (r.integers(0, 24, -(-len(x) // len(t))) / 12)
    chords = [sum(np.sin(2 * np.pi * p * k * t) / k for k in (1, 1.5, 2, 3, 4)) * np.exp(-3 * t) for p in pitches]
    return 0.1 * np.concatenate(chords)[: len(x)]


def dull(x: np.ndarray, r: np.random.Generator) -> np.ndarray:
    return signal.sosfilt(signal.butter(8, 2000, fs=RATE, output="sos"), x)


DAMAGE = {
    "telephone": telephone, "overdriven": overdriven, "at 44.1 kHz": resampled, "noise 0 dB": noisy,
    "noise 10 dB": lambda x, r: noisy(x, r, 10), "echo": echoing, "no treble": dull,
    "1.6 x speed": lambda x, r: soxr.resample(x, 1.6 * RATE, RATE), "reversed": lambda x, r: x[::-1], "tones": tones,
}  # fmt: skip


def distance(train: np.ndarray):
    """The root mean square of what is standardised."""
    mean, scale = _moments(train)
    return lambda v: np.sqrt((((v - mean) / scale) ** 2).mean(axis=1))


def mahalanobis(train: np.ndarray):
    """With a covariance of standardised numbers to which a tenth of the unit matrix is added."""
    mean, scale = _moments(train)
    root = np.linalg.cholesky(np.linalg.inv(np.cov((train - mean) / scale, rowvar=False) + 0.1 * np.eye(len(mean))))
    return lambda v: (((v - mean) / scale @ root) ** 2).sum(axis=1)


def neighbours(train: np.ndarray):
    """The distance to the fifth nearest training row, standardised."""
    mean, scale = _moments(train)
    known = (train - mean) / scale

    def far(v: np.ndarray) -> np.ndarray:
        v = (v - mean) / scale
        return np.sort((v**2).sum(axis=1)[:, None] - 2 * v @ known.T + (known**2).sum(axis=1), axis=1)[:, 4]

    return far


def bounds(tail: float) -> Measure:
    """The share of numbers outside of the training rows' quantiles."""

    def fitted(train: np.ndarray):
        low, high = np.quantile(train, (tail, 1 - tail), axis=0)
        return lambda v: ((v < low) | (v > high)).mean(axis=1)

    return fitted


def _moments(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = train.std(axis=0)
    return train.mean(axis=0), np.where(deviation > 1e-8, deviation, 1.0)


IN_USE = f"bounds {TAIL_SHARE}"
MEASURES = {"distance": distance, "mahalanobis": mahalanobis, "neighbours": neighbours,
            **{f"bounds {tail}": bounds(tail) for tail in (0.001, 0.005, 0.025)}}  # fmt: skip


def beyond(measure: Measure, train: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what says which vectors are beyond the limit."""
    fold, found = np.arange(len(train)) % FOLDS, np.zeros(len(train))
    for n in range(FOLDS):
        found[fold == n] = measure(train[fold != n])(train[fold == n])
    whole, limit = measure(train), np.quantile(found, 1 - UNUSUAL_SHARE)
    return lambda vectors: whole(vectors) > limit


def damaged(rows: pd.DataFrame, p, clips: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Return kind -> vectors of some clips after damage; kind -> which sounds are told to be bad; their rows."""
    some = np.sort(
        rows.groupby("corpus", group_keys=False).sample(frac=1, random_state=0).groupby("corpus").head(clips).index
    )
    compute = registry.of_input(p.features["audio"]).open(p.features["audio"], Resources())
    sounds = [audio.read_mono(files.from_root(p.data.raw) / path, max_seconds=p.data.max_seconds)
              for path in rows.loc[some, "source_path"]]  # fmt: skip
    r, vectors, bad = np.random.default_rng(0), {}, {}
    for kind, damage in {"clean": lambda x, r: x, **DAMAGE}.items():
        coded = [recordings.encode(np.ascontiguousarray(damage(x, r), dtype=np.float32)) for x in sounds]
        heard = [np.multiply(c.samples, c.scale, dtype=np.float32, casting="unsafe") for c in coded]
        vectors[kind] = np.stack(compute(heard)).astype(np.float64)
        bad[kind] = np.array([bool(input_checks.audio_warnings(x)) for x in heard])
        print(f"  {kind}", flush=True)
    return vectors, bad, some


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--clips", type=int, default=80, help="of each corpus that are damaged")
    given = parser.parse_args()
    p = params.load(given.run / "params.yaml")
    usable = schema.usable(pd.read_parquet(given.run / "data/manifest.parquet"))
    keys = features.read_keys(given.run / "data/inputs.parquet", usable["utterance_id"])
    specs = files.read_json(given.run / "data/features.json")["specs"]
    seen = features.load(keys, files.from_root(p.data.store), specs)
    rows = usable[seen.present["audio"]]
    rows = rows[rows.groupby("corpus")["corpus"].transform("size") >= 100]
    clean = seen.arrays["audio"].astype(np.float64)
    vectors, bad, some = damaged(rows, p, given.clips)
    corpus, trained = rows.loc[some, "corpus"].to_numpy(), rows.loc[some, "split"].eq("train").to_numpy()
    shares, chosen = [], Counter()
    for left in sorted(rows["corpus"].unique()):
        others = rows[rows["corpus"] != left]
        train = clean[others.index[others["split"] == "train"]]
        new, worth = clean[others.index[others["split"] != "train"]], {}
        mine, theirs = corpus == left, (corpus != left) & ~trained
        for name, measure in MEASURES.items():
            is_beyond = beyond(measure, train)
            speakers = is_beyond(new).mean()
            worth[name] = np.mean([is_beyond(vectors[kind][theirs]).mean() for kind in DAMAGE]) - speakers
            found = {kind: is_beyond(v[mine]) for kind, v in vectors.items()}
            shares.append({"measure": name, "left out": left, "speakers": speakers, **_means(found)})
            if name == IN_USE:
                warned = {kind: found[kind] | bad[kind][mine] for kind in found}
                shares.append({"measure": "warned", "left out": left, **_means(warned)})
        shares.append({"measure": "sound", "left out": left, **_means({k: b[mine] for k, b in bad.items()})})
        chosen[max(worth, key=worth.get)] += 1
    table = pd.DataFrame(shares)
    told = 100 * table.groupby("measure", sort=False).mean(numeric_only=True)
    print(told.round(0).join(pd.Series(chosen, name="chosen")).T.to_string())
    warned = table[table["measure"] == "warned"].set_index("left out").drop(columns=["measure", "speakers"])
    print("\nwarned, by the corpus left out:", (100 * warned).round(0).T.to_string(), sep="\n")


def _means(found: dict[str, np.ndarray]) -> dict[str, float]:
    return {kind: float(values.mean()) for kind, values in found.items()}


if __name__ == "__main__":
    main()
