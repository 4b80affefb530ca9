"""Audit a table of utterances: `python -m mer.dataset audit MANIFEST`; see `--help`."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mer import commands, processors
from mer.corpora import CORPORA, as_synthetic
from mer.dataset.audit.checks import Audit, RecordingFolder, run_audit
from mer.dataset.audit.findings import BREACH, SEVERITIES, Finding, lines
from mer.dataset.audit.tables.column_names import TableError, parse_columns
from mer.dataset.audit.tables.foreign_tables import ForeignTable, load, sources
from mer.files import printable

PLURALS = {"breach": "breaches", "warning": "warnings", "note": "notes"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 without a breach, 1 with one, 2 if the table cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        columns, pattern = parse_columns(options.columns), _pattern(options.speaker_from)
        table = load(sources(options.manifest, options.part), columns, pattern)
        audit = _audit(table, options.audio)
    except TableError as error:
        print(printable(f"audit: {error}"), file=sys.stderr)
        return 2
    print("\n".join(_report(table, audit)))
    return 1 if any(finding.severity == BREACH for finding in audit.findings) else 0


def _audit(table: ForeignTable, folder: Path | None) -> Audit:
    """Run all checks that step 01 runs.

    Raises:
        TableError: none of the recordings can be read.
    """
    rows = table.rows
    corpora = {**CORPORA, **as_synthetic(CORPORA)}
    clusters = {name: corpora[name].cluster for name in rows["corpus"].unique() if name in corpora}
    jobs, progress = processors.count(), sys.stderr.isatty()
    recordings = None if folder is None else RecordingFolder(folder, jobs=jobs, progress=progress)
    audit = run_audit(rows, table.official, clusters, recordings)
    if len(audit.unreadable) == len(rows):
        path, reason = rows["source_path"].iloc[0], audit.unreadable["reason"].iloc[0]
        raise TableError(
            f"--audio {folder}: none of the table's recordings can be read, for example {path!r}: {reason}"
        )
    return audit


def _report(table: ForeignTable, audit: Audit) -> Iterator[str]:
    yield from map(printable, (*_header(table), ""))
    for finding in audit.findings:
        yield lines(finding) + "\n"
    if len(audit.shortcuts):
        yield "Shortcut scores:"
        shown = audit.shortcuts.assign(corpus=audit.shortcuts["corpus"].map(printable))
        yield shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-") + "\n"
    for note in (*table.notes, *_unreadable(table, audit.unreadable)):
        yield printable(f"Remark: {note}.")
    for sentence in audit.unchecked:
        yield printable(f"Not checked: {sentence}.")
    yield "Not checked: whether the evaluation itself scores at chance; notebook 04 permutes labels for this."
    counts = [(severity, _count(audit.findings, severity)) for severity in SEVERITIES]
    yield ", ".join(f"{count} {name if count == 1 else PLURALS[name]}" for name, count in counts)


def _count(findings: list[Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in findings)


def _unreadable(table: ForeignTable, unreadable: pd.DataFrame) -> Iterator[str]:
    if len(unreadable):
        first = unreadable.iloc[0]
        example = table.rows["utterance_id"].iloc[first["row"]]
        yield f"recordings that could not be read: {len(unreadable):,}, for example {example!r}: {first['reason']}"


def _header(table: ForeignTable) -> Iterator[str]:
    rows = table.rows
    parts = [f"{part} {count:,}" for part, count in rows["split"].value_counts().items()]
    corpora = rows["corpus"].nunique()
    noun = "corpus" if corpora == 1 else "corpora"
    yield f"{len(rows):,} rows of {corpora} {noun}: {', '.join(parts) or 'no parts'}."
    if renamed := [f"{column} = {source}" for column, source in table.column_sources.items() if column != source]:
        yield f"Read as: {', '.join(renamed)}."


def _pattern(text: str | None) -> re.Pattern | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise TableError(f"--speaker-from {text!r}: not a regular expression ({error})") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mer.dataset", description="Commands for manifests and other tables of utterances."
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = subcommands.add_parser(
        "audit",
        help="search a table of utterances for leaks, shortcuts and faults",
        description="Search a manifest or any published table of utterances for leaks and shortcuts that inflate "
        "scores, and for faults.",
        epilog="Exit codes: 0 if there is no breach, 1 if a breach inflates a score, 2 if the table cannot be read.",
    )
    add = command.add_argument
    add(
        "manifest",
        nargs="?",
        type=Path,
        metavar="MANIFEST",
        help="a Parquet, CSV, TSV or JSON-lines file, or a folder of them with train, dev and test in their names",
    )
    add(
        "--part",
        action="append",
        default=[],
        metavar="[CORPUS/]PART=FILE",
        help="instead of MANIFEST: the file of one part (train, validation or test); repeat for the others",
    )
    add(
        "--columns",
        default="",
        metavar="OURS=THEIRS,…",
        help="the table's names of columns that are not recognised: path=wav,speaker=spk,dialogue=Season+Episode; "
        "start= ignores a column",
    )
    add(
        "--speaker-from",
        metavar="REGEX",
        help="the pattern of the speaker in the id or path (its first group); write --speaker-from=REGEX if it "
        "begins with a dash",
    )
    add(
        "--audio",
        type=Path,
        metavar="FOLDER",
        help="the folder to which the paths are relative: read the recordings to find copies, shortcuts and faults",
    )
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
