"""The datasheet of a run's dataset, after Gebru et al. 2021, "Datasheets for datasets", from its manifest."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mer import files
from mer.corpora import Corpus
from mer.report.pages.markdown import escape_cell, markdown_table

NAME = "datasheet.md"
"""The name of the file."""


def write(folder: Path, study: str, manifest: pd.DataFrame, corpora: Mapping[str, Corpus]) -> Path:
    """Write the datasheet, and return its path.

    Args:
        folder: the folder, which is created.
        study: the name of the study.
        manifest: all rows.
        corpora: the corpora of the study.
    """
    files.write_text(folder / NAME, text(study, manifest, corpora))
    return folder / NAME


def text(study: str, manifest: pd.DataFrame, corpora: Mapping[str, Corpus]) -> str:
    """Return the datasheet: what the manifest says, and what it does not say."""
    usable = manifest[manifest["exclude_reason"].isna()]
    hours = usable["duration"].sum() / 3600
    languages = ", ".join(sorted(usable["language"].dropna().unique())) or "not stated"
    sections = [
        f"# Datasheet: {escape_cell(study)}",
        "The questions are those of Gebru et al. 2021. The numbers are computed from the manifest of the run.",
        "## Composition",
        f"{len(usable):,} utterances of {usable['speaker_id'].nunique():,} speakers in {usable['corpus'].nunique()} "
        f"corpora, {hours:,.1f} hours of audio. Languages: {languages}.",
        markdown_table(
            ["corpus", "utterances", "excluded", "speakers", "hours", "female", "male", "classes"],
            [_corpus_row(name, manifest[manifest["corpus"] == name]) for name in sorted(set(manifest["corpus"]))],
        ),
        "### Classes",
        markdown_table(["class", "utterances", "corpora"], _class_rows(usable)),
        "### Parts",
        markdown_table(["part", "utterances", "speakers"], [
            (part or "folds", f"{len(rows):,}", f"{rows['speaker_id'].nunique():,}")
            for part, rows in usable.groupby(usable["split"].fillna(""))
        ]),
        "### Excluded utterances",
        _excluded(manifest),
        "## Collection and labels",
        markdown_table(
            ["corpus", "elicitation", "text", "labels of", "source"],
            [(one.title, one.elicitation, one.lexical_control, "intended emotion" if one.elicitation == "acted" else
              "raters", one.citation) for name, one in sorted(corpora.items()) if name in set(manifest["corpus"])],
        ),
        "Native labels are in the column `emotion_raw`; `emotion` is the class of the study's policy.",
        "## Uses and licences",
        markdown_table(["corpus", "licence"], [
            (one.title, one.licence) for name, one in sorted(corpora.items()) if name in set(manifest["corpus"])
        ]),
        "MER distributes no recordings. The files of the corpora do not say what speakers consented to, or whether "
        "they were paid; see their publications.",
    ]  # fmt: skip
    return "\n\n".join(sections) + "\n"


def _corpus_row(name: str, rows: pd.DataFrame) -> tuple:
    usable = rows[rows["exclude_reason"].isna()]
    genders = usable.drop_duplicates("speaker_id")["gender"].value_counts()
    return (
        name, f"{len(usable):,}", f"{len(rows) - len(usable):,}", usable["speaker_id"].nunique(),
        f"{usable['duration'].sum() / 3600:,.1f}", int(genders.get("female", 0)), int(genders.get("male", 0)),
        usable["emotion"].nunique(),
    )  # fmt: skip


def _class_rows(usable: pd.DataFrame) -> list[tuple]:
    counts = usable.groupby("emotion")["corpus"].agg(["size", "nunique"]).sort_values("size", ascending=False)
    return [(name, f"{row['size']:,}", row["nunique"]) for name, row in counts.iterrows()]


def _excluded(manifest: pd.DataFrame) -> str:
    counts = manifest["exclude_reason"].dropna().value_counts()
    if counts.empty:
        return "None."
    return markdown_table(["reason", "utterances"], [(reason, f"{count:,}") for reason, count in counts.items()])
