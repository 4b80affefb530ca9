"""Utterances that are lost on the way from a corpus folder to the study, counted by reason and class.

What a policy drops, what lies outside a published split and what is there a second time is not lost: leaving it out was
decided. A row whose file is not found, a recording that cannot be read and a label that nobody knows are.
"""

import re
from collections.abc import Iterator

import pandas as pd

from mer.dataset.audit.findings import BREACH, EXAMPLES, WARNING, Finding, printable

NOT_LOST = "outside the official split"
"""The reason for leaving a row out that is no loss, as whoever published the split has decided it."""
COLUMNS = ["corpus", "reason", "emotion", "count", "example"]
_MOST_NAMED = 3
"""reasons in a sentence"""


class TooManyLost(ValueError):
    """So many utterances of a corpus are lost that its scores would be of something else."""


def lost(manifest: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """Return `COLUMNS`: how many utterances of a corpus and class are lost for a reason, and the first of them.

    Args:
        manifest: every row, with `exclude_reason`.
        problems: as of `build.Dataset`.

    emotion: the class, a label that no class is known for, or null where the label is not known either.
    """
    excluded = manifest[
        manifest["exclude_reason"].notna() & manifest["emotion"].notna() & (manifest["exclude_reason"] != NOT_LOST)
    ]
    rows = pd.DataFrame(
        {"corpus": excluded["corpus"], "what": excluded["exclude_reason"], "emotion": excluded["emotion"],
         "example": excluded["source_path"] + ": " + excluded["exclude_reason"]}
    )  # fmt: skip
    gone = problems[problems["lost"]]
    line = gone["line"].astype("str").radd(", line ").where(gone["line"].notna(), "")
    told = pd.DataFrame(
        {"corpus": gone["corpus"], "what": gone["reason"], "emotion": gone["emotion"],
         "example": gone["path"] + line + ": " + gone["reason"]}
    )  # fmt: skip
    found = pd.concat([rows, told], ignore_index=True).astype(object)
    found["reason"] = found["what"].map(_kind)
    counted = found.groupby(["corpus", "reason", "emotion"], dropna=False, sort=True)["example"]
    return counted.agg(count="size", example="first").reset_index()[COLUMNS]


def sentences(table: pd.DataFrame, manifest: pd.DataFrame) -> list[str]:
    """Return a sentence for each corpus that has lost something.

    Args:
        table: as from `lost`.
        manifest: as for `lost`.
    """
    return [_sentence(corpus, part, _used(manifest, corpus)) for corpus, part in table.groupby("corpus")]


def findings(table: pd.DataFrame, manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield what the audit says about utterances that are lost."""
    for corpus, part in table.groupby("corpus"):
        used = _used(manifest, corpus)
        count, gone = int(part["count"].sum()), _gone(part, used)
        yield Finding(
            "utterances lost",
            BREACH if gone else WARNING,
            corpus,
            count,
            count + len(used),
            tuple(part["example"].head(EXAMPLES)),
            _sentence(corpus, part, used) + ".",
            "the scores are of what is left; "
            + ("with a class less, a corpus is easier." if gone else "what is lost may be harder or easier than that."),
            "mend the table or the files named here; `data/problems.csv` and the manifest's `exclude_reason` list all.",
        )


def refuse(table: pd.DataFrame, manifest: pd.DataFrame, most: float) -> None:
    """Stop where a corpus has lost a whole class, or too large a share of its utterances.

    Args:
        most: `data.max_lost`; with 1 nothing stops.

    Raises:
        TooManyLost: with the sentence of each such corpus.
    """
    told = []
    for corpus, part in table.groupby("corpus"):
        used, count = _used(manifest, corpus), int(part["count"].sum())
        if used.empty:  # `build.refuse_empty` names it, after the others are built
            continue
        if _gone(part, used) or count > most * (count + len(used)):
            told.append(f"{_sentence(corpus, part, used)}; for example {printable(part['example'].iloc[0])}")
    _stop(told, most, "Mend the table or the files")


def without_vectors(failures: pd.DataFrame, usable: pd.DataFrame) -> list[str]:
    """Return a sentence for each corpus and modality of which some utterances could not be made into vectors.

    Args:
        failures: columns utterance_id, modality, reason.
        usable: the usable rows of the manifest.
    """
    rows = failures.merge(usable[["utterance_id", "corpus", "emotion"]], on="utterance_id")
    told = []
    for (corpus, modality), part in rows.groupby(["corpus", "modality"]):
        whole = usable[usable["corpus"] == corpus]
        left = whole[~whole["utterance_id"].isin(part["utterance_id"])]
        reasons = part["reason"].map(_kind).value_counts()
        named = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.head(_MOST_NAMED).items())
        gone = sorted(set(whole["emotion"]) - set(left["emotion"]))
        end = f"; no clip of {' or '.join(gone)} has any" if gone else ""
        told.append(
            printable(f"{len(part):,} of {len(whole):,} utterances of `{corpus}` have no {modality}: {named}{end}")
        )
    return told


def refuse_unheard(failures: pd.DataFrame, usable: pd.DataFrame, most: float) -> None:
    """Stop where the recordings of a whole class, or of too large a share of a corpus, turn out to be unreadable.

    Headers may be sound where nothing behind them is. Words and faces are missing for reasons of their own.

    Args:
        failures, usable: as for `without_vectors`.
        most: `data.max_lost`; with 1 nothing stops.

    Raises:
        TooManyLost: with the sentence of each such corpus.
    """
    unheard = failures[failures["modality"] == "audio"]
    rows, told = usable[usable["utterance_id"].isin(unheard["utterance_id"])], []
    for corpus, part in rows.groupby("corpus"):
        whole = usable[usable["corpus"] == corpus]
        left = whole[~whole["utterance_id"].isin(part["utterance_id"])]
        if len(part) > most * len(whole) or set(whole["emotion"]) - set(left["emotion"]):
            mine = unheard[unheard["utterance_id"].isin(part["utterance_id"])]
            [sentence] = without_vectors(mine, usable)
            told.append(f"{sentence}; for example {printable(str(mine['source_path'].iloc[0]))}")
    _stop(told, most, "Mend the files")


def _stop(told: list[str], most: float, advice: str) -> None:
    if told and most < 1:
        raise TooManyLost("\n".join([*told, f"{advice}, or allow it with --set data.max_lost=1 (now {most:g})"]))


def _used(manifest: pd.DataFrame, corpus: str) -> pd.DataFrame:
    return manifest[(manifest["corpus"] == corpus) & manifest["exclude_reason"].isna()]


def _gone(part: pd.DataFrame, used: pd.DataFrame) -> list[str]:
    """Classes, and labels without a class, of which nothing is left."""
    return sorted(set(part["emotion"].dropna()) - set(used["emotion"]))


def _sentence(corpus: str, part: pd.DataFrame, used: pd.DataFrame) -> str:
    count, gone = int(part["count"].sum()), _gone(part, used)
    reasons = part.groupby("reason")["count"].sum().sort_values(ascending=False, kind="stable")
    named = [f"{reason} ({number:,})" for reason, number in reasons.head(_MOST_NAMED).items()]
    named += [f"{len(reasons) - _MOST_NAMED} other reasons"] if len(reasons) > _MOST_NAMED else []
    told = f"{count:,} of {count + len(used):,} utterances of `{corpus}` are lost: {', '.join(named)}"
    if gone:
        told += f"; no clip of {' or '.join(gone)} is left"
    nearest = part["example"].str.extract(r"\(nearest: (.+)\)$")[0].dropna()
    return printable(told + (f"; nearest file: {nearest.iloc[0]}" if len(nearest) else ""))


def _kind(reason: str) -> str:
    """A reason without the name of the file, so that equal ones are counted together.

    >>> _kind("clip_3: unknown label x"), _kind("no such file below mine/: a b.wav (nearest: a_b.wav)")
    ('unknown label x', 'no such file below mine/')
    """
    return re.sub(r"^\S+: ", "", reason).partition(": ")[0]
