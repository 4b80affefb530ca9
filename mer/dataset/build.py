"""From corpus folders to the manifest: parse, look at each file's header, map labels, split."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer import files
from mer.corpora import CORPORA, Corpus, Problem, Utterance
from mer.dataset import labels, schema, splits
from mer.media import audio


class NoCorpora(FileNotFoundError):
    """No listed corpus lies in the raw folder, or nothing of it can be used."""


@dataclass(frozen=True)
class Dataset:
    """What was found.

    Attributes:
        manifest: one row per utterance (mer/dataset/schema.py), unusable ones included.
        problems: columns corpus, path, line, reason: what in the folders is not an utterance.
        absent: listed corpora that are not on disk.
    """

    manifest: pd.DataFrame
    problems: pd.DataFrame
    absent: tuple[str, ...]


def build(
    raw: Path,
    names: Iterable[str],
    *,
    policy: str,
    overrides: dict[str, dict[str, str]],
    seed: int,
    validation: float,
    test: float,
    folds: int,
    min_seconds: float,
    max_seconds: float,
    jobs: int = 1,
) -> Dataset:
    """Read the corpora `names` below `raw`.

    Raises:
        NoCorpora: none of them is there, or nothing of them is usable.
        UnknownLabel: the label policy does not cover a corpus.
    """
    found = {name: folder for name in sorted(names) if (folder := CORPORA[name].find(raw))}
    if not found:
        raise NoCorpora(_nothing(raw, names))
    parsed = {name: list(CORPORA[name].parse(raw, folder)) for name, folder in found.items()}
    utterances = [(name, item) for name, items in parsed.items() for item in items if isinstance(item, Utterance)]
    problems = [
        (name, p.path, p.line, p.reason) for name, items in parsed.items() for p in items if isinstance(p, Problem)
    ]
    maps = {name: labels.mapping(policy, name, CORPORA[name].emotions, overrides.get(name)) for name in found}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        headers = list(pool.map(lambda pair: _look(raw / pair[1].path), utterances, chunksize=64))
    rows = [
        _row(CORPORA[name], item, maps[name], header, min_seconds, max_seconds)
        for (name, item), header in zip(utterances, headers, strict=True)
    ]
    manifest = schema.typed(rows)
    if manifest["exclude_reason"].notna().all():
        raise NoCorpora(_unusable(raw, manifest, problems))
    official = {name for name in found if CORPORA[name].official_splits}
    manifest = splits.assign(manifest, official, seed=seed, validation=validation, test=test, folds=folds)
    return Dataset(
        manifest=schema.check(manifest, labels.classes(policy)),
        problems=pd.DataFrame(problems, columns=["corpus", "path", "line", "reason"]).astype({"line": "Int64"}),
        absent=tuple(name for name in sorted(names) if name not in found),
    )


def _look(path: Path) -> tuple[audio.Header | None, str | None, str | None]:
    """Header and digest of one file, or why there is none."""
    try:
        return audio.header(path), files.digest_file(path), None
    except audio.Unreadable as error:
        return None, None, error.reason
    except OSError as error:
        return None, None, f"cannot be opened ({error.strerror})"


def _row(
    corpus: Corpus,
    item: Utterance,
    classes: dict[str, str | None],
    look: tuple,
    min_seconds: float,
    max_seconds: float,
) -> dict:
    header, digest, error = look
    emotion = classes[item.emotion_raw]
    whole = header.seconds if header else None
    duration = (item.end or whole) - (item.start or 0.0) if header else None
    reason = error or (None if emotion else f"label {item.emotion_raw!r} is dropped by the policy")
    if reason is None and corpus.official_splits and item.split_official is None:
        reason = "outside the official split"
    return {
        **{name: getattr(item, name) for name in schema.COLUMNS if hasattr(item, name)},
        "utterance_id": f"{corpus.name}/{item.name}", "corpus": corpus.name, "family": corpus.family,
        "source_path": item.path, "audio_sha256": digest, "duration": duration,
        "sampling_rate": header.rate if header else None, "channels": header.channels if header else None,
        "emotion": emotion, "language": item.language or corpus.language, "lexical_control": corpus.lexical_control,
        "speaker_id": f"{corpus.name}_{item.speaker}", "elicitation": corpus.elicitation, "license": corpus.licence,
        "dialogue_id": f"{corpus.name}_{item.dialogue_id}" if item.dialogue_id is not None else None,
        "too_short": duration is not None and duration < min_seconds,
        "too_long": duration is not None and duration > max_seconds,
        "audio_ok": header is not None, "exclude_reason": reason,
    }  # fmt: skip


def _nothing(raw: Path, names: Iterable[str]) -> str:
    places = "\n".join(f"  {name}: {CORPORA[name].obtain}" for name in sorted(names))
    return f"{files.to_root(raw)}: none of the study's corpora is there (data.raw).\n{places}"


def _unusable(raw: Path, manifest: pd.DataFrame, problems: list[tuple]) -> str:
    told = [*zip(manifest["source_path"], manifest["exclude_reason"], strict=True), *((p[1], p[3]) for p in problems)]
    examples = "\n".join(f"  {path}: {reason}" for path, reason in told[:5])
    return f"{files.to_root(raw)}: no file of the study's corpora is usable (data.raw).\n{examples}"
