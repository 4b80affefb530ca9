"""Audit a table of utterances: `python -m mer.dataset audit MANIFEST`; see `--help`."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mer.corpora import CORPORA, as_synthetic
from mer.dataset import audit
from mer.dataset.audit.findings import BREACH, SEVERITIES, Finding, lines, printable
from mer.dataset.audit.tables.column_names import Unusable, chosen_columns
from mer.dataset.audit.tables.foreign_tables import Table, load, sources

PLURALS = {"breach": "breaches", "warning": "warnings", "note": "notes"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks a letter shows something else
    try:
        table = load(sources(given.manifest, given.part), chosen_columns(given.columns), _pattern(given.speaker_from))
        found = _audit(table, given.audio)
    except Unusable as error:
        print(printable(f"audit: {error}"), file=sys.stderr)
        return 2
    print("\n".join(_report(table, found)))
    return 1 if any(finding.severity == BREACH for finding in found.findings) else 0


def _audit(table: Table, folder: Path | None) -> audit.Audit:
    """All that step 01 looks for.

    Raises:
        Unusable: none of the recordings can be read.
    """
    rows, jobs, bar = table.rows, os.cpu_count() or 1, sys.stderr.isatty()
    known = {**CORPORA, **as_synthetic(CORPORA)}
    clusters = {name: known[name].cluster for name in rows["corpus"].unique() if name in known}
    found = audit.everything(rows, table.official, clusters, folder, jobs=jobs, progress=bar)
    if len(found.unheard) == len(rows):
        path, reason = rows["source_path"].iloc[0], found.unheard["reason"].iloc[0]
        raise Unusable(f"--audio {folder}: none of the table's recordings can be read, for example {path!r}: {reason}")
    return found


def _report(table: Table, found: audit.Audit) -> Iterator[str]:
    yield from map(printable, (*_head(table), ""))
    for finding in found.findings:
        yield lines(finding) + "\n"
    if len(found.shortcuts):
        yield "What scores without hearing an emotion:"
        told = found.shortcuts.assign(corpus=found.shortcuts["corpus"].map(printable))
        yield told.to_string(index=False, float_format="{:.3f}".format, na_rep="-") + "\n"
    for remark in (*table.remarks, *_unread(table, found.unheard)):
        yield printable(f"Remark: {remark}.")
    for what in found.unchecked:
        yield printable(f"Not checked: {what}.")
    yield "Not checked: whether the evaluation itself answers at chance; notebook 04 permutes labels for that."
    counts = [(severity, _count(found.findings, severity)) for severity in SEVERITIES]
    yield ", ".join(f"{count} {name if count == 1 else PLURALS[name]}" for name, count in counts)


def _count(findings: list[Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in findings)


def _unread(table: Table, unheard: pd.DataFrame) -> Iterator[str]:
    if len(unheard):
        first = unheard.iloc[0]
        example = table.rows["utterance_id"].iloc[first["row"]]
        yield f"recordings that could not be read: {len(unheard):,}, for example {example!r}: {first['reason']}"


def _head(table: Table) -> Iterator[str]:
    rows = table.rows
    parts = [f"{part} {count:,}" for part, count in rows["split"].value_counts().items()]
    corpora = rows["corpus"].nunique()
    noun = "corpus" if corpora == 1 else "corpora"
    yield f"{len(rows):,} rows of {corpora} {noun}: {', '.join(parts) or 'no parts'}."
    if foreign := [f"{ours} = {theirs}" for ours, theirs in table.read_as.items() if ours != theirs]:
        yield f"Read as: {', '.join(foreign)}."


def _pattern(text: str | None) -> re.Pattern | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise Unusable(f"--speaker-from {text!r}: not a regular expression ({error})") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.dataset", description="What can be done with a manifest.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    audit = commands.add_parser(
        "audit",
        help="search a table of utterances for leaks, shortcuts and faults",
        description="Search a manifest or any published table of utterances for what makes a score look too good, and "
        "for what is broken.",
        epilog="Exit code: 0 no breach, 1 a breach, 2 the table cannot be used.",
    )
    add = audit.add_argument
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
        help="instead of MANIFEST: the file of one part, train, validation or test; repeat for the others",
    )
    add(
        "--columns",
        default="",
        metavar="OURS=THEIRS,…",
        help="which column is which, where its name does not say: path=wav,speaker=spk,dialogue=Season+Episode; "
        "start= ignores a column",
    )
    add(
        "--speaker-from",
        metavar="REGEX",
        help="find the speaker in the id or path, by its first group; --speaker-from=REGEX if it begins with a dash",
    )
    add(
        "--audio",
        type=Path,
        metavar="FOLDER",
        help="the folder that the paths start from: listen for the same recording under two names, for shortcuts and "
        "for what is broken",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
