"""Build the manifest from corpus folders: parse, read each file's header, map labels, split."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mer import files
from mer.corpora import Corpus, Problem, Utterance, parsers
from mer.corpora.reading.files import relative
from mer.corpora.reading.names import JOINT_SPEAKERS, normalised
from mer.dataset import splits
from mer.dataset.identity.recording_digests import samples_digests
from mer.dataset.manifest import draw, labels, lost_utterances, schema
from mer.dataset.manifest.headers import read_headers
from mer.dataset.manifest.lost_utterances import NOT_DRAWN
from mer.media.audio import SILENCE_SECONDS
from mer.params.schema import Params

PROBLEM_COLUMNS = ["corpus", "path", "line", "reason", "emotion", "lost"]
"""The columns of `Dataset.problems`."""
NO_RECORDING = "no recording"
"""The `audio_error` of an utterance without a recording."""
NOTHING_TO_READ = "neither a recording nor words"
"""The `exclude_reason` of an utterance with neither audio nor text."""


class NoCorpora(FileNotFoundError):
    """No corpus of the study is in the raw folder, or nothing of a corpus can be used."""


class DatasetStopped(ValueError):
    """A corpus has problems, and the study stops at problems."""


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """The parameters of a study that the manifest depends on.

    Attributes:
        policy: the policy, or the name of one (mer/dataset/manifest/labels.py).
        overrides: those of the section `labels`.
        seed, validation, test, folds, text_disjoint: the section `splits`.
        min_seconds, max_seconds, audio_failure, problems, max_clips, max_speakers: the section `data`.
    """

    policy: str | labels.Policy
    overrides: dict[str, dict[str, str]] = field(default_factory=dict)
    seed: int
    validation: float
    test: float
    folds: int
    text_disjoint: bool = False
    min_seconds: float
    max_seconds: float
    audio_failure: str = "drop"
    problems: str = "report"
    max_clips: int | None = None
    max_speakers: int | None = None

    @classmethod
    def of_study(cls, p: Params) -> "BuildOptions":
        """Return the options of a study's parameters."""
        own = {"min_seconds", "max_seconds", "audio_failure", "problems", "max_clips", "max_speakers"}
        return cls(policy=labels.of_study(p.labels), overrides=p.labels.overrides, **p.splits.model_dump(),
                   **p.data.model_dump(include=own))  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """The corpora of a study as one table.

    Attributes:
        manifest: one row per utterance (mer/dataset/manifest/schema.py), including unusable ones.
        problems: `PROBLEM_COLUMNS`: files and lines that are no utterance; `emotion` is the class or unknown label of
            the utterance that was lost, and `lost` whether one was.
        absent_corpora: corpora of the study that are not on disk.
        empty_corpora: corpora that are on disk without a usable utterance.
    """

    manifest: pd.DataFrame
    problems: pd.DataFrame
    absent_corpora: tuple[str, ...]
    empty_corpora: tuple[str, ...]


def build(
    raw: Path, corpora: dict[str, Corpus], options: BuildOptions, *, cache: Path | None = None, jobs: int = 1
) -> Dataset:
    """Return the manifest of corpora below `raw`.

    Args:
        raw: the folder of the corpora.
        corpora: the corpora of the study.
        options: the parameters of the study.
        cache: the folder in which headers and digests are cached; None reads every file.
        jobs: the number of threads or processes that read files.

    Raises:
        NoCorpora: none of the corpora exists, or none has a usable utterance.
        DatasetStopped: a file is not an utterance, and `problems` is `stop`.
        UnknownLabel: the label policy does not cover a corpus.
    """
    folders = {name: folder for name in sorted(corpora) if (folder := corpora[name].find(raw))}
    if not folders:
        raise NoCorpora(_no_corpora_message(raw, corpora))
    mappings = labels.mappings(options.policy, {name: corpora[name] for name in folders}, options.overrides)
    utterances, problems = _parsed(raw, folders, corpora, mappings)
    if problems and options.problems == "stop":
        raise DatasetStopped("data.problems is `stop`, and some files are no utterances:\n" + _examples(problems))
    headers = read_headers(raw, _paths(utterances), cache, jobs).to_dict("index")
    rows = [_row(corpora[name], utterance, mappings[name], headers, options) for name, utterance in utterances]
    caps = draw.Caps(options.max_clips, options.max_speakers)
    official = {name for name in folders if corpora[name].official_splits}
    manifest = draw.with_caps(schema.typed(rows), caps, official, options.seed)
    read = manifest[manifest["exclude_reason"] != NOT_DRAWN]
    manifest["samples_sha256"] = samples_digests(read, raw, cache, jobs).reindex(manifest.index)
    usable = set(manifest.loc[manifest["exclude_reason"].isna(), "corpus"])
    if not usable:
        raise NoCorpora(_unusable_message(raw, manifest, problems))
    manifest = assign_splits(manifest, {name: corpora[name] for name in folders}, options)
    return Dataset(
        manifest=schema.check(manifest, labels.classes(options.policy)),
        problems=pd.DataFrame(problems, columns=PROBLEM_COLUMNS).astype({"line": "Int64", "lost": "bool"}),
        absent_corpora=tuple(name for name in sorted(corpora) if name not in folders),
        empty_corpora=tuple(name for name in folders if name not in usable),
    )


def refuse_empty(dataset: Dataset, raw: Path) -> None:
    """Raise an error if a corpus exists without a usable utterance, with the first reasons.

    Raises:
        NoCorpora: names the corpora.
    """
    if dataset.empty_corpora:
        rows = dataset.manifest[dataset.manifest["corpus"].isin(dataset.empty_corpora)]
        problems = dataset.problems[dataset.problems["corpus"].isin(dataset.empty_corpora)]
        reasons = _unusable_message(raw, rows, list(problems.itertuples(index=False, name=None)))
        names = ", ".join(dataset.empty_corpora)
        raise NoCorpora(f"{names}: the folder exists, but has no usable utterance. {reasons}")


def _parsed(
    raw: Path, folders: dict[str, Path], corpora: dict[str, Corpus], mappings: dict[str, labels.Mapping]
) -> tuple[list[tuple[str, Utterance]], list[tuple]]:
    """Return the utterances of each corpus, and rows with the columns of `problems`."""
    utterances, problems = [], []
    for name, folder in folders.items():
        items = list(parsers.parse(corpora[name], raw, folder))
        if not items:
            reason = f"nothing in it is of this corpus: {corpora[name].instructions}"
            problems.append((name, relative(folder, raw), None, reason, None, False))
        for item in items:
            if isinstance(item, Problem):
                problems.append((name, item.path, item.line, item.reason, *_lost_class(item, mappings[name])))
            else:
                utterances.append((name, item))
    return utterances, problems


def _lost_class(problem: Problem, mapping: labels.Mapping) -> tuple[str | None, bool]:
    """Return the class of the lost utterance, or its label if it has no class, and whether an utterance is lost."""
    if problem.label is None:
        return None, problem.utterance_lost
    emotion = mapping.classes.get(problem.label, problem.label)
    return emotion, problem.utterance_lost and emotion is not None  # otherwise the policy drops it


def _paths(utterances: list[tuple[str, Utterance]]) -> list[str]:
    """Return the paths of all recordings and videos."""
    items = [utterance for _, utterance in utterances]
    return [item.path for item in items if item.has_recording] + [item.video for item in items if item.video]


def assign_splits(manifest: pd.DataFrame, corpora: dict[str, Corpus], options: BuildOptions) -> pd.DataFrame:
    """Return the manifest with the split of its usable rows.

    Args:
        manifest: all rows.
        corpora: id -> corpus, of all corpora of the manifest.
        options: the parameters of the study.
    """
    official = {name for name, corpus in corpora.items() if corpus.official_splits}
    by_session = {name for name, corpus in corpora.items() if corpus.split_by_session}
    split_options = splits.SplitOptions(
        seed=options.seed,
        validation=options.validation,
        test=options.test,
        folds=options.folds,
        text_disjoint=options.text_disjoint,
    )
    return splits.assign(manifest, official, split_options, by_session=by_session)


def _row(
    corpus: Corpus, item: Utterance, mapping: labels.Mapping, headers: dict[str, dict], options: BuildOptions
) -> dict:
    """Return the manifest's row of an utterance."""
    emotion, silence = mapping(item.emotion_raw, item.emotion_perceived), options.audio_failure == "silence"
    header, (video, has_video) = headers.get(item.path), _video_columns(item, headers)
    duration, error = _audio_columns(item, header)
    if error and item.has_recording and silence:
        duration = SILENCE_SECONDS
    keep_silent = silence or (has_video and header is not None and pd.notna(header["error"]))  # the video is usable
    return {
        **{name: getattr(item, name) for name in schema.COLUMNS if hasattr(item, name)},
        "utterance_id": f"{corpus.name}/{item.name}", "corpus": corpus.name, "family": corpus.family,
        "source_path": item.path, "audio_sha256": None if error else header["sha256"],
        "video_path": video, "video_sha256": headers[video]["sha256"] if video else None, "duration": duration,
        "sampling_rate": None if error else header["rate"], "channels": None if error else header["channels"],
        "emotion": emotion, "emotion_vector": _json(item.emotion_vector),
        "language": item.language or corpus.language, "lexical_control": corpus.lexical_control,
        "speaker_id": f"{corpus.name}_{_speaker_names(item.speaker)}", "elicitation": corpus.elicitation,
        "license": corpus.licence,
        "session": _prefixed(corpus, item.session), "dialogue_id": _prefixed(corpus, item.dialogue_id),
        "split_source": "own" if corpus.user_defined else "published" if corpus.official_splits else "drawn",
        "too_short": duration is not None and duration < options.min_seconds,
        "too_long": duration is not None and duration > options.max_seconds,
        "audio_ok": error is None, "audio_error": error,
        "exclude_reason": _exclude_reason(corpus, item, mapping, error, keep_silent),
    }  # fmt: skip


def _prefixed(corpus: Corpus, name: str | None) -> str | None:
    return None if name is None else f"{corpus.name}_{normalised(name)}"


def _speaker_names(speaker: str) -> str:
    """Return all joint speakers, each name in one spelling; a name without visible characters stays as it is."""
    return JOINT_SPEAKERS.join(normalised(name) or name for name in speaker.split(JOINT_SPEAKERS))


def _audio_columns(item: Utterance, header: dict | None) -> tuple[float | None, str | None]:
    """Return the duration of the utterance in seconds, or the reason why there is no audio."""
    if header is None:
        return None, NO_RECORDING
    if pd.notna(header["error"]):
        return None, header["error"]
    start, total = item.start or 0.0, header["seconds"]
    if start >= total:
        return None, f"begins at {start:g} s of a recording of {total:g} s"
    return min(total, item.end or total) - start, None


def _video_columns(item: Utterance, headers: dict[str, dict]) -> tuple[str | None, bool]:
    """Return the path of the utterance's video and whether it has frames. A damaged video is named, so that its
    reason is reported."""
    if item.video is not None:
        return item.video, headers[item.video]["pictures"]
    has_video = item.has_recording and headers[item.path]["pictures"]
    return (item.path if has_video else None), has_video


def _exclude_reason(
    corpus: Corpus, item: Utterance, mapping: labels.Mapping, error: str | None, keep_silent: bool
) -> str | None:
    if mapping(item.emotion_raw, item.emotion_perceived) is None:
        return mapping.exclude_reason(item.emotion_raw, item.emotion_perceived)
    if corpus.official_splits and item.split_official is None:
        return lost_utterances.NOT_LOST
    if error and item.has_recording and not keep_silent:
        return error
    if error and not item.has_recording and not item.transcription:
        return NOTHING_TO_READ
    return None


def _json(vector: dict[str, float] | None) -> str | None:
    return json.dumps(vector, ensure_ascii=False, sort_keys=True) if vector else None


def _no_corpora_message(raw: Path, corpora: dict[str, Corpus]) -> str:
    instructions = "\n".join(f"  {name}: {corpus.instructions}" for name, corpus in sorted(corpora.items()))
    return f"{files.to_root(raw)}: contains none of the study's corpora (data.raw).\n{instructions}"


def _unusable_message(raw: Path, manifest: pd.DataFrame, problems: list[tuple]) -> str:
    rows = [(row.corpus, row.source_path, None, row.exclude_reason) for row in manifest.head(5).itertuples()]
    examples = _examples([*rows, *problems])
    return f"{files.to_root(raw)}: no file of the study's corpora is usable (data.raw).\n{examples}"


def _examples(problems: list[tuple]) -> str:
    return "\n".join(
        f"  {path}{f', line {line}' if pd.notna(line) else ''}: {reason}" for _, path, line, reason, *_ in problems[:5]
    )
