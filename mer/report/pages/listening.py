"""The listening page: the most confident errors, the least certain utterances and the duplicates, with players."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.dataset.identity.duplicates import SAMPLES
from mer.html_pages import frame
from mer.html_pages.banner import PageStudy
from mer.report.pages.players import Players

TEMPLATES = Path(__file__).parent
"""The folder of the template."""
PER_CORPUS, MAX_CLIPS, MAX_PAIRS = 6, 100, 20
"""The largest numbers of utterances of each kind of a corpus, of each kind of all corpora, and of pairs."""
MAX_SECONDS = 8.0
"""The longest part of a recording that is embedded, in seconds."""
MAX_PAGE_BYTES = 16 * 10**6
"""The largest size of all embedded recordings, in bytes."""
ERROR, UNCERTAIN = "confident error", "uncertain"
"""The kinds of utterances."""
SHOWN_CLASSES = 3
"""The number of classes whose probabilities are shown."""


@dataclass(frozen=True)
class Source:
    """What the page is made of.

    Attributes:
        manifest: all rows.
        predictions: of the study.
        duplicates: the table of near-duplicates of step 01.
        classes: the classes of the policy, in order.
        raw: the folder of all corpora.
    """

    manifest: pd.DataFrame
    predictions: pd.DataFrame
    duplicates: pd.DataFrame
    classes: Sequence[str]
    raw: Path


def write(path: Path, study: PageStudy, source: Source, system: str) -> None:
    """Write the page.

    Args:
        path: the path of the page.
        study: the study, the banner of its pages and the day.
        source: what the page is made of.
        system: the system whose predictions are shown.
    """
    players = Players(source.raw, MAX_SECONDS, MAX_PAGE_BYTES)
    rows = source.manifest.drop_duplicates("utterance_id").set_index("utterance_id")
    predicted = average(source.predictions, system, source.classes)
    chosen = choose(predicted)
    clips = [_clip(rows.loc[clip["utterance_id"]], players) | _predicted(clip, source.classes)
             for clip in chosen.to_dict("records")]  # fmt: skip
    pairs = _duplicate_pairs(source.manifest, source.duplicates)
    shown = [{"kind": kind, "clips": [_clip(rows.loc[name], players) for name in names]}
             for kind, *names in pairs[:MAX_PAIRS]]  # fmt: skip
    heard = {clip["corpus"] for clip in [*clips, *(clip for pair in shown for clip in pair["clips"])]}
    text = frame.environment(TEMPLATES).get_template("listening.html.j2").render(
        title=f"Listen · {study.place}", study=study.place, banner=study.banner, has_script=True, system=system,
        clips=clips, pairs=shown, found=len(pairs), filters=_filters(clips),
        per_corpus=_per_corpus(predicted["test_corpus"].nunique()),
        embedded=players.embedded, megabytes=f"{players.embedded_bytes / 1e6:.1f}", limit=f"{MAX_PAGE_BYTES / 1e6:g}",
        seconds=f"{MAX_SECONDS:g}", licences=_licences(source.manifest[source.manifest["corpus"].isin(heard)]),
    )  # fmt: skip
    files.write_text(path, text)


def average(predictions: pd.DataFrame, system: str, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row per utterance of held-out corpora with the probabilities of a system, averaged over seeds.

    Returns:
        columns utterance_id, test_corpus, emotion, `p_` and each class, predicted and certainty, its probability.
    """
    rows = predictions[(predictions["protocol"] == "loco") & (predictions["system"] == system)]
    columns = [f"p_{name}" for name in classes]
    means = rows.groupby(["utterance_id", "test_corpus", "emotion"], sort=True)[columns].mean().reset_index()
    values = means[columns].to_numpy(float)
    if not len(means):
        return means.assign(predicted=pd.Series(dtype=object), certainty=pd.Series(dtype=float))
    return means.assign(predicted=np.asarray(classes, object)[values.argmax(axis=1)], certainty=values.max(axis=1))


def _per_corpus(corpora: int) -> int:
    """Return how many utterances of each kind are shown of a corpus.

    >>> _per_corpus(3), _per_corpus(27), _per_corpus(400)
    (6, 3, 1)
    """
    return min(PER_CORPUS, max(1, MAX_CLIPS // max(1, corpora)))


def choose(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the most confident errors and the least certain utterances of each corpus, each utterance once per kind.

    Args:
        rows: from `average`.
    """
    errors = rows[rows["emotion"] != rows["predicted"]].sort_values("certainty", ascending=False, kind="stable")
    uncertain = rows.sort_values("certainty", kind="stable")
    number = _per_corpus(rows["test_corpus"].nunique())
    parts = [part.groupby("test_corpus", sort=False).head(number).assign(kind=kind)
             for kind, part in ((ERROR, errors), (UNCERTAIN, uncertain))]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _duplicate_pairs(manifest: pd.DataFrame, duplicates: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return the kind and the two utterances of each pair: the same samples first, then near-duplicates.

    Of several copies of one recording, each is paired with the first.
    """
    pairs = []
    known = manifest[manifest[SAMPLES].notna()]
    for _, part in known[known.duplicated(SAMPLES, keep=False)].groupby(SAMPLES, sort=True):
        first, *others = part["utterance_id"]
        pairs += [("same samples", first, other) for other in others]
    for row in duplicates.itertuples(index=False):
        kind = "near-duplicate, of two families" if row.across_families else "near-duplicate"
        pairs.append((kind, row.first, row.second))
    return pairs


def _clip(row: pd.Series, players: Players) -> dict:
    """An utterance with its player."""
    start, end = (None if pd.isna(row[name]) else float(row[name]) for name in ("start", "end"))
    words = "" if pd.isna(row["transcription"]) else row["transcription"]
    speaker = "" if pd.isna(row["speaker_id"]) else row["speaker_id"].removeprefix(f"{row['family']}_")
    truth = "" if pd.isna(row["emotion"]) else row["emotion"]
    utterance = row.name.removeprefix(f"{row['corpus']}/")
    title = f"{utterance}, {truth}, of {row['corpus']}"
    return {"corpus": row["corpus"], "utterance": utterance, "speaker": speaker, "truth": truth, "words": words,
            "title": title} | players.player(row["source_path"], start, end)  # fmt: skip


def _predicted(clip: dict, classes: Sequence[str]) -> dict:
    """What was predicted for an utterance."""
    shares = {name: clip[f"p_{name}"] for name in classes}
    first = sorted(shares, key=lambda name: -shares[name])[:SHOWN_CLASSES]
    named = [*first, *({clip["emotion"]} - set(first))]
    texts = ", ".join(f"{name} {shares[name]:.2f}" for name in named)
    return {name: clip[name] for name in ("kind", "predicted", "certainty")} | {"probabilities": texts}


def _licences(rows: pd.DataFrame) -> str:
    """The licences of corpora, such as "CC BY 4.0 (emodb, nemo)"."""
    corpora = rows.drop_duplicates("corpus").sort_values("corpus").groupby("license", dropna=False)["corpus"]
    return "; ".join(f"{'unknown' if pd.isna(name) else name} ({', '.join(part)})" for name, part in corpora)


def _filters(clips: list[dict]) -> dict[str, list[str]]:
    """The values by which the page filters."""
    return {name: list(dict.fromkeys(sorted(clip[name] for clip in clips)))
            for name in ("corpus", "kind", "truth", "predicted")}  # fmt: skip
