"""From corpus folders to the manifest: parse, look at each file's header, map labels, split."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer import files
from mer.corpora import Corpus, Problem, Utterance, parsers
from mer.corpora.reading.files import relative
from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.dataset import splits
from mer.dataset.identity.recording_digests import samples_digests
from mer.dataset.manifest import labels, lost_utterances, schema
from mer.dataset.manifest.headers import scan
from mer.media.audio import SILENCE_SECONDS

PROBLEMS = ["corpus", "path", "line", "reason", "emotion", "lost"]


class NoCorpora(FileNotFoundError):
    """No listed corpus lies in the raw folder, or nothing of one can be used."""


class Stopped(ValueError):
    """A corpus has problems and the study says to stop at them."""


@dataclass(frozen=True)
class Dataset:
    """What was found.

    Attributes:
        manifest: one row per utterance (mer/dataset/manifest/schema.py), unusable ones included.
        problems: columns corpus, path, line, reason, emotion, lost: what in the folders is not an utterance, the class
            or unknown label of the utterance that was lost with it, and whether one was.
        absent: listed corpora that are not on disk.
        empty: corpora whose folder is there and of which nothing can be used.
    """

    manifest: pd.DataFrame
    problems: pd.DataFrame
    absent: tuple[str, ...]
    empty: tuple[str, ...]


def build(
    raw: Path,
    known: dict[str, Corpus],
    *,
    policy: str,
    overrides: dict[str, dict[str, str]],
    seed: int,
    validation: float,
    test: float,
    folds: int,
    text_disjoint: bool = False,
    min_seconds: float,
    max_seconds: float,
    audio_failure: str = "drop",
    problems: str = "report",
    cache: Path | None = None,
    jobs: int = 1,
) -> Dataset:
    """Read the corpora `known` below `raw`.

    Args:
        policy, overrides: the section `labels` of the parameters.
        seed, validation, test, folds, text_disjoint: the section `splits`.
        min_seconds, max_seconds, audio_failure, problems: of the section `data`.
        cache: where headers and digests are kept from one build to the next; None looks at every file.
        jobs: threads that look at files.

    Raises:
        NoCorpora: none of them is there, or nothing of any is usable.
        Stopped: a file is not an utterance, and `problems` is `stop`.
        UnknownLabel: the label policy does not cover a corpus.
    """
    found = {name: folder for name in sorted(known) if (folder := known[name].find(raw))}
    if not found:
        raise NoCorpora(_nothing(raw, known))
    maps = labels.mappings(policy, {name: known[name] for name in found}, overrides)
    utterances, told = _parsed(raw, found, known, maps)
    if told and problems == "stop":
        raise Stopped("data.problems is `stop`, and not everything is an utterance:\n" + _examples(told))
    places = [item.path for _, item in utterances if item.has_recording] + [i.video for _, i in utterances if i.video]
    looks = scan(raw, places, cache, jobs).to_dict("index")
    limits = {"min_seconds": min_seconds, "max_seconds": max_seconds, "silence": audio_failure == "silence"}
    manifest = schema.typed([_row(known[name], item, maps[name], looks, **limits) for name, item in utterances])
    manifest["samples_sha256"] = samples_digests(manifest, raw, cache, jobs)
    usable = set(manifest.loc[manifest["exclude_reason"].isna(), "corpus"])
    if not usable:
        raise NoCorpora(_unusable(raw, manifest, told))
    official = {name for name in found if known[name].official_splits}
    by_session = {name for name in found if known[name].split_by_session}
    manifest = splits.assign(manifest, official, seed=seed, validation=validation, test=test, folds=folds,
                             text_disjoint=text_disjoint, by_session=by_session)  # fmt: skip
    return Dataset(
        manifest=schema.check(manifest, labels.classes(policy)),
        problems=pd.DataFrame(told, columns=PROBLEMS).astype({"line": "Int64", "lost": "bool"}),
        absent=tuple(name for name in sorted(known) if name not in found),
        empty=tuple(name for name in found if name not in usable),
    )


def refuse_empty(dataset: Dataset, raw: Path) -> None:
    """Raise where a corpus is there and nothing of it can be used, with the first reasons.

    Raises:
        NoCorpora: names the corpora.
    """
    if dataset.empty:
        rows = dataset.manifest[dataset.manifest["corpus"].isin(dataset.empty)]
        told = dataset.problems[dataset.problems["corpus"].isin(dataset.empty)]
        reasons = _unusable(raw, rows, list(told.itertuples(index=False, name=None)))
        raise NoCorpora(f"{', '.join(dataset.empty)}: the folder is there, but no utterance can be used. {reasons}")


def _parsed(
    raw: Path, found: dict[str, Path], known: dict[str, Corpus], maps: dict[str, labels.Mapping]
) -> tuple[list[tuple[str, Utterance]], list[tuple]]:
    """The utterances of each corpus that was found, and rows with the columns of `problems`."""
    utterances, told = [], []
    for name, folder in found.items():
        items = list(parsers.parse(known[name], raw, folder))
        if not items:
            nothing = f"nothing in it is of this corpus: {known[name].instructions}"
            told.append((name, relative(folder, raw), None, nothing, None, False))
        for item in items:
            if isinstance(item, Problem):
                told.append((name, item.path, item.line, item.reason, *_lost(item, maps[name])))
            else:
                utterances.append((name, item))
    return utterances, told


def _lost(problem: Problem, mapping: labels.Mapping) -> tuple[str | None, bool]:
    """The class of the utterance that is lost, or its label where that has no class, and whether one is lost."""
    if problem.label is None:
        return None, problem.utterance_lost
    emotion = mapping.classes.get(problem.label, problem.label)
    return emotion, problem.utterance_lost and emotion is not None  # the policy would have dropped it


def _row(
    corpus: Corpus, item: Utterance, mapping: labels.Mapping, looks: dict[str, dict], *, min_seconds: float,
    max_seconds: float, silence: bool,
) -> dict:  # fmt: skip
    emotion = mapping(item.emotion_raw, item.emotion_perceived)
    look, (video, seen) = looks.get(item.path), _seen(item, looks)
    duration, error = _heard(item, look)
    if error and item.has_recording and silence:
        duration = SILENCE_SECONDS
    kept = silence or (seen and look is not None and pd.notna(look["error"]))  # it is mute, and can be looked at
    return {
        **{name: getattr(item, name) for name in schema.COLUMNS if hasattr(item, name)},
        "utterance_id": f"{corpus.name}/{item.name}", "corpus": corpus.name, "family": corpus.family,
        "source_path": item.path, "audio_sha256": None if error else look["sha256"],
        "video_path": video, "video_sha256": looks[video]["sha256"] if video else None, "duration": duration,
        "sampling_rate": None if error else look["rate"], "channels": None if error else look["channels"],
        "emotion": emotion, "emotion_vector": _json(item.emotion_vector),
        "language": item.language or corpus.language, "lexical_control": corpus.lexical_control,
        "speaker_id": f"{corpus.name}_{_names(item.speaker)}", "elicitation": corpus.elicitation,
        "license": corpus.licence,
        "session": f"{corpus.name}_{normalised(item.session)}" if item.session is not None else None,
        "dialogue_id": f"{corpus.name}_{normalised(item.dialogue_id)}" if item.dialogue_id is not None else None,
        "split_source": "own" if corpus.user_defined else "published" if corpus.official_splits else "drawn",
        "too_short": duration is not None and duration < min_seconds,
        "too_long": duration is not None and duration > max_seconds,
        "audio_ok": error is None, "audio_error": error,
        "exclude_reason": _excluded(corpus, item, mapping, emotion, error, kept),
    }  # fmt: skip


def _names(speaker: str) -> str:
    """Everybody who speaks, each by a name in one spelling; a name that cannot be seen stays as it is."""
    return JOINT_SPEAKERS.join(normalised(name) or name for name in speaker.split(JOINT_SPEAKERS))


def _heard(item: Utterance, look: dict | None) -> tuple[float | None, str | None]:
    """Seconds of the utterance, or why nothing of it can be heard."""
    if look is None:
        return None, "no recording"
    if pd.notna(look["error"]):
        return None, look["error"]
    start, whole = item.start or 0.0, look["seconds"]
    if start >= whole:
        return None, f"begins at {start:g} s of a recording of {whole:g} s"
    return min(whole, item.end or whole) - start, None


def _seen(item: Utterance, looks: dict[str, dict]) -> tuple[str | None, bool]:
    """The utterance's video, and whether it holds pictures; a damaged one is named, so that its reason is told."""
    if item.video is not None:
        return item.video, looks[item.video]["pictures"]
    seen = item.has_recording and looks[item.path]["pictures"]
    return (item.path if seen else None), seen


def _excluded(
    corpus: Corpus, item: Utterance, mapping: labels.Mapping, emotion: str | None, error: str | None, kept: bool
) -> str | None:
    if emotion is None:
        return mapping.why_not(item.emotion_raw, item.emotion_perceived)
    if corpus.official_splits and item.split_official is None:
        return lost_utterances.NOT_LOST
    if error and item.has_recording and not kept:
        return error
    if error and not item.has_recording and not item.transcription:
        return "neither a recording nor words"
    return None


def _json(vector: dict[str, float] | None) -> str | None:
    return json.dumps(vector, ensure_ascii=False, sort_keys=True) if vector else None


def _nothing(raw: Path, known: dict[str, Corpus]) -> str:
    places = "\n".join(f"  {name}: {corpus.instructions}" for name, corpus in sorted(known.items()))
    return f"{files.to_root(raw)}: none of the study's corpora is there (data.raw).\n{places}"


def _unusable(raw: Path, manifest: pd.DataFrame, problems: list[tuple]) -> str:
    rows = [(row.corpus, row.source_path, None, row.exclude_reason) for row in manifest.head(5).itertuples()]
    return (
        f"{files.to_root(raw)}: no file of the study's corpora is usable (data.raw).\n{_examples([*rows, *problems])}"
    )


def _examples(told: list[tuple]) -> str:
    return "\n".join(
        f"  {path}{f', line {line}' if pd.notna(line) else ''}: {why}" for _, path, line, why, *_ in told[:5]
    )
