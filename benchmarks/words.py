"""Word errors and speed of the recognisers on real recordings whose English sentences are known.

    python benchmarks/words.py CORPORA WHISPER [--clips 100] [--recognisers clip full pocketsphinx] [--threads 2]
        [--ctranslate2 FOLDER] [--downstream] [--intervals] [--out words.csv]

CORPORA is a folder of corpora in their own layout, WHISPER the folder of a Whisper network. `--clips` draws as many
recordings of each corpus, evenly over its classes; 0 takes all. Recognisers: `clip` and `full` are MER's search with
both contexts of the encoder, `transformers` is its own `generate` on 30 s in batches, `ctranslate2` is faster-whisper
(not among MER's packages: install it and convert the network with `ct2-transformers-converter`), `pocketsphinx` is the
small recogniser. Recordings are decoded beforehand. Speed is the duration of the recordings per
second of wall clock and per second of processor time; the network is loaded and warmed up before. The table of word
errors is that of notebook 02. Differences of `clip` and of each other recogniser from `full` are over speakers.

`--intervals` simulates the coverage of the intervals of `mer.stats.rates` and of a percentile bootstrap over speakers.
`--downstream` trains a text system on known sentences and tests it on known and on recognised ones of other speakers.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.features.text import word_errors
from mer.features.text.transcripts import NO_WORDS
from mer.media import audio, speech_recognition
from mer.stats import rate, rate_difference, resampling

Recognise = Callable[[Sequence[np.ndarray]], list[str]]
NAMES = ("cremad", "emospeechin", "ravdess", "savee", "jl", "tess", "emovdb")
"""English corpora with known sentences."""
BATCH = 8


def main() -> None:
    """Print the tables, and write the one of word errors."""
    options = _parser().parse_args()
    if options.intervals:
        coverage(options.draws)
        return
    import torch

    torch.set_num_threads(options.threads)
    manifest = draw(known_sentences(options.corpora), options.clips)
    clips = [audio.read_mono(options.corpora / path) for path in manifest["source_path"]]
    seconds = sum(map(len, clips)) / audio.RATE_HZ
    print(f"{len(clips):,} recordings, {seconds / 60:.1f} minutes, {options.threads} threads\n")
    texts = {}
    for name in options.recognisers:
        recognise = OPEN[name](options)
        recognise(clips[:2])
        texts[name], wall, processor = timed(recognise, clips)
        print(f"{name:13s} {seconds / wall:6.1f} times real time, {seconds / processor:6.1f} per processor second; "
              f"{1000 * wall / len(clips):.0f} ms per recording", flush=True)  # fmt: skip
    counted = {name: count(manifest, found) for name, found in texts.items()}
    report(counted, options.out)
    if options.downstream:
        downstream(manifest, texts)


def known_sentences(raw: Path) -> pd.DataFrame:
    """Return the manifest's rows of English recordings with known sentences. Classes are standard emotion names."""
    from mer.dataset.manifest import build, schema
    from mer.params.schema import Params

    found = {name: CORPORA[name] for name in NAMES if name in CORPORA and CORPORA[name].find(raw)}
    p = Params(name="words", corpora={name: {} for name in found})
    manifest = build.build(raw, found, build.BuildOptions.of_study(p)).manifest
    emotions = [found[c].emotions.get(e) for c, e in zip(manifest["corpus"], manifest["emotion_raw"], strict=True)]
    rows = manifest.assign(emotion=emotions, exclude_reason=None)
    rows = rows[manifest["audio_ok"] & manifest["transcription"].notna() & manifest["language"].eq("en")]
    return schema.usable(rows)


def draw(manifest: pd.DataFrame, clips: int, seed: int = 0) -> pd.DataFrame:
    """Return about `clips` recordings of each corpus, evenly over its classes; all for 0."""
    if not clips:
        return manifest
    classes = manifest.groupby("corpus")["emotion"].transform("nunique")
    shuffled = manifest.sample(frac=1, random_state=seed)
    place = shuffled.groupby(["corpus", "emotion"]).cumcount()
    return (
        shuffled[place < (clips / classes).apply(np.ceil).reindex(shuffled.index)].sort_index().reset_index(drop=True)
    )


def timed(recognise: Recognise, clips: Sequence[np.ndarray]) -> tuple[list[str], float, float]:
    """Return the texts, and seconds of wall clock and of the process."""
    wall, processor = time.perf_counter(), time.process_time()
    found = recognise(clips)
    return found, time.perf_counter() - wall, time.process_time() - processor


def count(manifest: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """Return word errors per recording, as step 02 counts them."""
    recognised = pd.DataFrame({"utterance_id": manifest["utterance_id"], "transcription": [t or None for t in texts],
                               "reason": [None if t else NO_WORDS for t in texts]}).astype("str")  # fmt: skip
    return word_errors.count_errors(manifest, recognised)


def report(counted: dict[str, pd.DataFrame], out: Path) -> None:
    """Print word errors and differences between recognisers, and write the whole table."""
    tables = pd.concat([word_errors.table(c).assign(recogniser=name) for name, c in counted.items()])
    tables.to_csv(out, index=False)
    with pd.option_context("display.width", 200, "display.max_rows", None, "display.max_columns", None):
        shown = tables[tables["by"] != "speaker"].drop(columns=["words", "errors"]).set_index("recogniser")
        print("\n", shown.round(3), sep="")
        speakers = tables[tables["by"] == "speaker"].groupby(["recogniser", "corpus"])["rate"]
        print("\nword error rates of speakers\n", speakers.describe()[["count", "min", "50%", "max"]].round(3), sep="")
    for name in counted if "full" in counted else ():
        for corpus, rows in counted[name].groupby("corpus"):
            other = counted["full"][counted["full"]["corpus"] == corpus]
            speakers = other["speaker_id"].unique()
            sides = [s for c in (rows, other) for s in word_errors.by_speaker(c, speakers)]
            one = rate_difference(*sides)
            print(f"{name} - full, {corpus}: {one.point:+.4f} [{one.low:+.4f}, {one.high:+.4f}]")


def downstream(manifest: pd.DataFrame, texts: dict[str, list[str]], folds: int = 5) -> None:
    """Print the UAR of a text system that is trained on known or recognised and tested on known or recognised text."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    vectors = HashingVectorizer(n_features=768, alternate_sign=False, ngram_range=(1, 2))
    for corpus, rows in manifest.groupby("corpus"):
        if rows["speaker_id"].nunique() < folds:
            continue
        y, speakers = rows["emotion"].to_numpy(), rows["speaker_id"].to_numpy()
        known = vectors.transform(rows["transcription"])
        for name, found in texts.items():
            features = {"known": known, "recognised": vectors.transform(np.array(found, dtype=object)[rows.index])}
            for train, test in (("known", "known"), ("known", "recognised"), ("recognised", "recognised")):
                predicted = np.empty_like(y)
                for fit, left in GroupKFold(folds).split(known, y, speakers):
                    model = LogisticRegression(max_iter=2000, class_weight="balanced").fit(features[train][fit], y[fit])
                    predicted[left] = model.predict(features[test][left])
                print(f"{corpus}, {name}: trained on {train}, tested on {test} text: {_uar(y, predicted, speakers)}")


def _uar(y: np.ndarray, predicted: np.ndarray, speakers: np.ndarray) -> str:
    from mer.stats import cluster_confusions, estimate, interval

    classes = sorted(set(y))
    numbers = {name: n for n, name in enumerate(classes)}
    confusions, _ = cluster_confusions(
        np.array([numbers[v] for v in y]), np.array([numbers[v] for v in predicted]), speakers, len(classes)
    )
    one = interval(estimate(confusions))
    return f"UAR {one.point:.3f} [{one.low:.3f}, {one.high:.3f}], chance {1 / len(classes):.3f}"


def coverage(repeats: int) -> None:
    """Print how often intervals of 95 % contain the true rate, for speakers whose rates have a gamma distribution."""
    rng = np.random.default_rng(0)
    print("speakers  words  rate   spread  interval  percentile bootstrap  difference")
    for speakers, words, mean, spread in ((3, 20, 0.1, 0.5), (4, 100, 0.05, 0.7), (8, 60, 0.02, 0.7),
                                          (20, 48, 0.05, 0.7), (20, 48, 0.005, 1.0), (90, 6, 0.6, 0.4)):  # fmt: skip
        hits = np.zeros(3)
        for _ in range(repeats):
            own, sizes = rng.gamma(1 / spread**2, mean * spread**2, speakers), rng.poisson(words, speakers) + 1
            errors, more = rng.poisson(own * sizes), rng.poisson(1.5 * own * sizes)
            draws = resampling.weights(speakers, 1000, rng)
            low, high = resampling.percentile((draws @ errors) / (draws @ sizes))
            one, both = rate(errors, sizes), rate_difference(more, sizes, errors, sizes)
            hits += one.low <= mean <= one.high, low <= mean <= high, both.low <= mean / 2 <= both.high
        print(f"{speakers:8d} {words:6d} {mean:6.3f} {spread:6.1f}", *(f"{h / repeats:10.3f}" for h in hits))


def _ours(context: str) -> Callable[[argparse.Namespace], Recognise]:
    from mer.features import pretrained

    def open_recogniser(options: argparse.Namespace) -> Recognise:
        model = str(options.whisper.resolve())
        return lambda clips: [one.text for one in pretrained.transcribe_whisper(clips, model, context=context)]

    return open_recogniser


def _transformers(options: argparse.Namespace) -> Recognise:
    import torch
    import transformers

    network = transformers.WhisperForConditionalGeneration.from_pretrained(options.whisper, dtype=torch.float32).eval()
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(options.whisper)
    tokenizer = transformers.WhisperTokenizer.from_pretrained(options.whisper)

    def recognise(clips: Sequence[np.ndarray]) -> list[str]:
        found = []
        for first in range(0, len(clips), BATCH):
            batch = prepare(list(clips[first : first + BATCH]), sampling_rate=audio.RATE_HZ, return_tensors="pt")
            with torch.inference_mode():
                tokens = network.generate(batch.input_features, do_sample=False, num_beams=1)
            found += [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
        return found

    return recognise


def _ctranslate2(options: argparse.Namespace) -> Recognise:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(options.ctranslate2), device="cpu", compute_type="float32", cpu_threads=options.threads)

    def recognise(clips: Sequence[np.ndarray]) -> list[str]:
        settings = {"beam_size": 1, "temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False}
        return [
            " ".join(s.text.strip() for s in model.transcribe(clip, language="en", **settings)[0]) for clip in clips
        ]

    return recognise


def _pocketsphinx(options: argparse.Namespace) -> Recognise:
    recognise = speech_recognition.open_pocketsphinx()
    return lambda clips: [recognise(clip) for clip in clips]


OPEN = {"clip": _ours("clip"), "full": _ours("full"), "transformers": _transformers, "ctranslate2": _ctranslate2,
        "pocketsphinx": _pocketsphinx}  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("whisper", type=Path)
    parser.add_argument("--clips", type=int, default=100, help="recordings of each corpus; 0 takes all")
    parser.add_argument("--recognisers", nargs="+", choices=OPEN, default=["clip", "full", "pocketsphinx"])
    parser.add_argument("--ctranslate2", type=Path, help="the converted network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("words.csv"))
    parser.add_argument("--downstream", action="store_true")
    parser.add_argument("--intervals", action="store_true", help="only the coverage of intervals")
    parser.add_argument("--draws", type=int, default=1000, help="of the coverage")
    return parser


if __name__ == "__main__":
    main()
