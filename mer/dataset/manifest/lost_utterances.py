"""Lost utterances, counted by reason and class.

An utterance is lost if its file is missing, its recording is unreadable or its label is unknown. Utterances that a
policy drops, that lie outside a published split, that a quick look does not draw or that are listed a second time are
not lost.
"""

import re
from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit.findings import BREACH, EXAMPLES, WARNING, Finding
from mer.files import printable

NOT_LOST = "outside the official split"
"""The reason for excluding a row that is not lost, because the published split leaves it out."""
NOT_DRAWN = "not drawn (data.max_clips, data.max_speakers)"
"""The reason for excluding a row that is not lost, because a quick look leaves it out."""
COLUMNS = ["corpus", "reason", "emotion", "count", "example"]
"""The columns of the table of lost utterances."""
_MAX_REASONS = 3
"""The number of reasons that a sentence names."""


class TooManyLost(ValueError):
    """So many utterances of a corpus are lost that its scores would not describe it."""


def count_lost(manifest: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """Return the number of lost utterances for each corpus, reason and class, with an example.

    Args:
        manifest: all rows, with `exclude_reason`.
        problems: the table of `build.Dataset`.

    Returns:
        `COLUMNS`; emotion is the class, the label if it has no class, or null if the label is unknown as well.
    """
    reason = manifest["exclude_reason"]
    excluded = manifest[reason.notna() & manifest["emotion"].notna() & ~reason.isin([NOT_LOST, NOT_DRAWN])]
    excluded_rows = pd.DataFrame(
        {"corpus": excluded["corpus"], "full_reason": excluded["exclude_reason"], "emotion": excluded["emotion"],
         "example": excluded["source_path"] + ": " + excluded["exclude_reason"]}
    )  # fmt: skip
    problems_lost = problems[problems["lost"]]
    line = problems_lost["line"].astype("str").radd(", line ").where(problems_lost["line"].notna(), "")
    problem_rows = pd.DataFrame(
        {"corpus": problems_lost["corpus"], "full_reason": problems_lost["reason"], "emotion": problems_lost["emotion"],
         "example": problems_lost["path"] + line + ": " + problems_lost["reason"]}
    )  # fmt: skip
    losses = pd.concat([excluded_rows, problem_rows], ignore_index=True).astype(object)
    losses["reason"] = losses["full_reason"].map(_reason_kind)
    groups = losses.groupby(["corpus", "reason", "emotion"], dropna=False, sort=True)["example"]
    return groups.agg(count="size", example="first").reset_index()[COLUMNS]


def sentences(table: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """Return a sentence for each corpus with lost utterances.

    Args:
        table: the table from `count_lost`.
        manifest: all rows, with `exclude_reason`.
    """
    return [_sentence(corpus, part, _used(manifest, corpus)) for corpus, part in table.groupby("corpus")]


def findings(table: pd.DataFrame, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield the audit's findings about lost utterances."""
    for corpus, losses in table.groupby("corpus"):
        used = _used(manifest, corpus)
        count, lost_classes = int(losses["count"].sum()), _all_lost_classes(losses, used)
        yield Finding(
            "utterances lost",
            BREACH if lost_classes else WARNING,
            corpus,
            count,
            count + len(used),
            tuple(losses["example"].head(EXAMPLES)),
            _sentence(corpus, losses, used) + ".",
            "scores describe the remaining utterances; "
            + ("a corpus with fewer classes is easier." if lost_classes else "the lost ones may be harder or easier."),
            "correct the table or the files named here; `data/problems.csv` and the manifest's `exclude_reason` list "
            "all.",
        )


def stop_if_too_many(table: pd.DataFrame, manifest: pd.DataFrame, limit: float) -> None:
    """Raise an error if a corpus has lost a whole class, or too large a share of its utterances.

    Args:
        table: the table from `count_lost`.
        manifest: all rows, with `exclude_reason`.
        limit: the parameter `data.max_lost`; 1 allows any loss.

    Raises:
        TooManyLost: with the sentence of each such corpus.
    """
    messages = []
    for corpus, losses in table.groupby("corpus"):
        used, count = _used(manifest, corpus), int(losses["count"].sum())
        if used.empty:  # `build.refuse_empty` names it after the others are built
            continue
        if _all_lost_classes(losses, used) or count > limit * (count + len(used)):
            example = printable(losses["example"].iloc[0])
            messages.append(f"{_sentence(corpus, losses, used)}; for example {example}")
    _stop(messages, limit, "Correct the table or the files")


def count_without_vectors(failures: pd.DataFrame, usable: pd.DataFrame) -> list[str]:
    """Return a sentence for each corpus and input with utterances that have no feature vector.

    Args:
        failures: columns utterance_id, input, reason.
        usable: the usable rows of the manifest.
    """
    rows = failures.merge(usable[["utterance_id", "corpus", "emotion"]], on="utterance_id")
    messages = []
    for (corpus, name), failed in rows.groupby(["corpus", "input"]):
        all_rows = usable[usable["corpus"] == corpus]
        remaining = all_rows[~all_rows["utterance_id"].isin(failed["utterance_id"])]
        reasons = failed["reason"].map(_reason_kind).value_counts()
        named_reasons = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.head(_MAX_REASONS).items())
        lost_classes = sorted(set(all_rows["emotion"]) - set(remaining["emotion"]))
        ending = f"; no clip of {' or '.join(lost_classes)} has any" if lost_classes else ""
        messages.append(
            printable(
                f"{len(failed):,} of {len(all_rows):,} utterances of `{corpus}` have no {name}: {named_reasons}{ending}"
            )
        )
    return messages


def stop_if_unreadable(failures: pd.DataFrame, usable: pd.DataFrame, limit: float) -> None:
    """Raise an error if the recordings of a whole class, or of too large a share of a corpus, are unreadable.

    Recordings with an intact header may be damaged. Missing texts and faces are not counted, because they have other
    causes.

    Args:
        failures: as for `count_without_vectors`, with `modality` and `source_path`. Each audio input counts by itself.
        usable: as for `count_without_vectors`.
        limit: the parameter `data.max_lost`; 1 allows any loss.

    Raises:
        TooManyLost: with the sentence of each such corpus.
    """
    unreadable = failures[failures["modality"] == "audio"]
    rows, messages = unreadable.merge(usable[["utterance_id", "corpus"]], on="utterance_id"), []
    for (corpus, _), failed in rows.groupby(["corpus", "input"]):
        all_rows = usable[usable["corpus"] == corpus]
        remaining = all_rows[~all_rows["utterance_id"].isin(failed["utterance_id"])]
        if len(failed) > limit * len(all_rows) or set(all_rows["emotion"]) - set(remaining["emotion"]):
            [sentence] = count_without_vectors(failed.drop(columns="corpus"), usable)
            messages.append(f"{sentence}; for example {printable(str(failed['source_path'].iloc[0]))}")
    _stop(messages, limit, "Correct the files")


def _stop(messages: list[str], limit: float, advice: str) -> None:
    if messages and limit < 1:
        raise TooManyLost("\n".join([*messages, f"{advice}, or allow it with --set data.max_lost=1 (now {limit:g})"]))


def _used(manifest: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """Return the rows of a corpus that can be used, whether or not they are drawn."""
    reason = manifest["exclude_reason"]
    return manifest[(manifest["corpus"] == corpus) & (reason.isna() | (reason == NOT_DRAWN))]


def _all_lost_classes(losses: pd.DataFrame, used: pd.DataFrame) -> list[str]:
    """Return the classes, and labels without a class, that have no remaining utterance."""
    return sorted(set(losses["emotion"].dropna()) - set(used["emotion"]))


def _sentence(corpus: str, losses: pd.DataFrame, used: pd.DataFrame) -> str:
    count, lost_classes = int(losses["count"].sum()), _all_lost_classes(losses, used)
    reasons = losses.groupby("reason")["count"].sum().sort_values(ascending=False, kind="stable")
    named_reasons = [f"{reason} ({number:,})" for reason, number in reasons.head(_MAX_REASONS).items()]
    named_reasons += [f"{len(reasons) - _MAX_REASONS} other reasons"] if len(reasons) > _MAX_REASONS else []
    sentence = f"{count:,} of {count + len(used):,} utterances of `{corpus}` are lost: {', '.join(named_reasons)}"
    if lost_classes:
        sentence += f"; no clip of {' or '.join(lost_classes)} is left"
    nearest = losses["example"].str.extract(r"\(nearest: (.+)\)$")[0].dropna()
    return printable(sentence + (f"; nearest file: {nearest.iloc[0]}" if len(nearest) else ""))


def _reason_kind(reason: str) -> str:
    """Return a reason without the name of the file, so that equal reasons are counted together.

    >>> _reason_kind("clip_3: unknown label x"), _reason_kind("no such file below mine/: a b.wav (nearest: a_b.wav)")
    ('unknown label x', 'no such file below mine/')
    """
    return re.sub(r"^\S+: ", "", reason).partition(": ")[0]
