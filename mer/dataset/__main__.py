"""Audit a table of utterances: `python -m mer.dataset audit MANIFEST`; see `--help`."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mer.corpora import CORPORA, made_up
from mer.dataset.audit import (
    Finding,
    find_faults,
    find_leaks,
    listen,
    near_pairs,
    shortcut_findings,
    shortcut_scores,
    sound,
    unchecked,
    worst_first,
)
from mer.dataset.audit.checks import NO_PAIRS
from mer.dataset.audit.columns import Unusable, chosen_columns
from mer.dataset.audit.finding import BREACH, SEVERITIES, lines, printable
from mer.dataset.audit.tables import Table, load, sources
from mer.dataset.identity import samples_digests

PLURALS = {"breach": "breaches", "warning": "warnings", "note": "notes"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks a letter shows something else
    try:
        table = load(sources(given.manifest, given.part), chosen_columns(given.columns), _pattern(given.speaker_from))
        rows, pairs, heard, remarks = _listen(table, given.audio)
    except Unusable as error:
        print(printable(f"audit: {error}"), file=sys.stderr)
        return 2
    scores = _shortcuts(rows, heard)
    leaks, faults = find_leaks(rows, table.official, pairs), find_faults(rows, heard)
    found = worst_first([*leaks, *faults, *shortcut_findings(scores)])
    print("\n".join(_report(table, found, scores, remarks, unchecked(rows), heard is not None)))
    return 1 if any(finding.severity == BREACH for finding in found) else 0


def _report(
    table: Table, found: list[Finding], scores: pd.DataFrame, remarks: list[str], untold: list[str], listened: bool
) -> Iterator[str]:
    yield from map(printable, (*_head(table), ""))
    for finding in found:
        yield lines(finding) + "\n"
    if len(scores):
        yield "What scores without hearing an emotion:"
        told = scores.assign(corpus=scores["corpus"].map(printable))
        yield told.to_string(index=False, float_format="{:.3f}".format, na_rep="-") + "\n"
    for remark in (*table.remarks, *remarks):
        yield printable(f"Remark: {remark}.")
    for what in untold:
        yield f"Not checked: {what}."
    if not listened:
        yield (
            "Not checked: near-duplicates among the recordings, what their length, loudness, silence and recording "
            "conditions score, and whether they are broken; all of it takes --audio FOLDER."
        )
    counts = [(severity, sum(finding.severity == severity for finding in found)) for severity in SEVERITIES]
    yield ", ".join(f"{count} {name if count == 1 else PLURALS[name]}" for name, count in counts)


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


def _listen(table: Table, folder: Path | None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None, list[str]]:
    """The rows, with digests where the table had none, the near-duplicates among their recordings, what is measured of
    these, and what to remark.

    Raises:
        Unusable: none of the recordings can be read.
    """
    rows = table.rows
    if folder is None:
        return rows, NO_PAIRS, None, []
    jobs = os.cpu_count() or 1
    near = near_pairs(rows, folder, jobs)
    if len(near.unheard) == len(rows):
        path, reason = rows["source_path"].iloc[0], near.unheard["reason"].iloc[0]
        raise Unusable(f"--audio {folder}: none of the table's recordings can be read, for example {path!r}: {reason}")
    remarks = []
    if len(near.unheard):
        first = near.unheard.iloc[0]
        example = rows["utterance_id"].iloc[first["row"]]
        remarks.append(
            f"recordings that could not be read: {len(near.unheard):,}, for example {example!r}: {first['reason']}"
        )
    own = pd.Series(sound.digests(rows["source_path"].tolist(), folder, jobs), rows.index, "str")
    readable = rows.assign(audio_sha256=own)  # null where the path leads nowhere, or out of the folder
    samples = samples_digests(readable, folder, jobs=jobs, progress=sys.stderr.isatty())
    rows = rows.assign(
        audio_sha256=rows["audio_sha256"].fillna(own), samples_sha256=samples.fillna(rows["samples_sha256"])
    )
    return rows, near.pairs, listen(rows, folder, jobs=jobs, progress=sys.stderr.isatty()), remarks


def _shortcuts(rows: pd.DataFrame, heard: pd.DataFrame | None) -> pd.DataFrame:
    """What each shortcut scores; without recordings only sentences, speakers and corpora are looked up."""
    known = {**CORPORA, **made_up(CORPORA)}
    clusters = {name: known[name].cluster for name in rows["corpus"].unique() if name in known}
    return shortcut_scores(rows, pd.DataFrame(index=rows.index) if heard is None else heard, clusters)


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
