"""Extract features of files into a table: `python -m mer.features FILES… --extractor functionals --out x.csv`.

Exit codes: 0 if every file has features, 1 if some have none (the table says why), 2 if nothing was extracted.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from mer import commands, csv_tables, files, foreign, processors
from mer.features import registry
from mer.features.table import STUDY_ONLY
from mer.params.data import Data
from mer.params.features import SECTIONS, Group
from mer.params.schema import Compute

LIMITS = ("min_seconds", "max_seconds")
"""The parameters of the section `data` that apply to recordings."""
MAX_LINES = 20
"""The number of rows and of errors that are printed; the table has all of them."""
SHOWN_FEATURES = 3
"""The number of features that are printed of a row."""
OUT_SUFFIXES = (".csv", ".parquet")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _check_out(options)
        table = _extract(options)
        _write(table, options.out)
    except (ImportError, OSError, ValueError) as error:  # among them those of missing packages and networks
        print(f"features: {_with_options(str(error))}", file=sys.stderr)
        return 2
    failed = table["error"].notna()
    _print(table, options.out)
    for row in table[failed].head(MAX_LINES).to_dict("records"):
        print(f"{_subject(row)}: {files.printable(row['error'])}", file=sys.stderr)
    if failed.sum() > MAX_LINES:
        print(f"… and {failed.sum() - MAX_LINES} more", file=sys.stderr)
    return 2 if failed.all() else 1 if failed.any() else 0


def _extract(options: argparse.Namespace):
    from mer.features.devices import prepare
    from mer.features.extractor import Resources
    from mer.features.table import extract_table

    parameters = {
        name: value if isinstance(value, list) else foreign.load_yaml(value)
        for name in _fields()
        if (value := getattr(options, name)) is not None
    }
    texts = list(options.text)
    if options.modality is None and (texts or options.column) and options.extractor in registry.names("text"):
        parameters["modality"] = "text"
    elif options.modality is not None:
        parameters["modality"] = options.modality
    device = prepare(options.device, options.threads) if "model" in parameters or "weights" in parameters else "cpu"
    return extract_table(
        [*options.paths, *texts], options.extractor, column=options.column,
        resources=Resources(device, options.jobs), **parameters,
    )  # fmt: skip


def _check_out(options: argparse.Namespace) -> None:
    if options.out is None:
        return
    if options.out.suffix.lower() not in OUT_SUFFIXES:
        raise ValueError(f"--out {options.out}: its name must end in {' or '.join(OUT_SUFFIXES)}")
    if options.out.exists() and not options.force:
        raise ValueError(f"--out {options.out}: exists already; take another name, or --force to overwrite it")


def _write(table, out: Path | None) -> None:
    if out is None:
        return
    if out.suffix.lower() == ".csv":
        csv_tables.write(out, table)
        return
    with files.replacing(out) as partial:
        table.to_parquet(partial, index=False)


def _print(table, out: Path | None) -> None:
    """Print the number of rows and features and, without an output file, the first rows."""
    names = list(table.columns[table.columns.get_loc("error") + 1 :])
    with_features = table[table["error"].isna()]
    if out is None:
        for row in with_features.head(MAX_LINES).to_dict("records"):
            values = ", ".join(f"{name} {row[name]:.4g}" for name in names[:SHOWN_FEATURES])
            print(f"{_subject(row)}: {values}{', …' if len(names) > SHOWN_FEATURES else ''}")
    shown = f"; the first {min(len(with_features), MAX_LINES)} are shown, --out writes all"
    count = f"{len(table)} row{'s' if len(table) != 1 else ''}"
    failed = len(table) - len(with_features)
    print(f"{count}, {len(names)} features, {failed} without features{f' · {out}' if out else shown}")


def _subject(row: dict) -> str:
    """Return the file of a row of the table, with the number of its row or its times."""
    number, times = row.get("row"), (row["start"], row["end"])
    text = files.printable(row["file"]) + (f", row {number:.0f}" if number and number == number else "")
    return text if times[1] != times[1] else f"{text} {times[0]:.1f}-{times[1]:.1f} s"


def _with_options(message: str) -> str:
    """Return a message with the command's options instead of the parameters of a study."""
    for modality in SECTIONS:
        message = message.replace(f"features.{modality}.", "--")
    return message


def _fields() -> dict[str, list[str]]:
    """Return the parameters of all extractors, each with the modalities that have it, and those of recordings."""
    fields: dict[str, list[str]] = {}
    for modality, section in SECTIONS.items():
        for name in section.model_fields:
            if name not in (*STUDY_ONLY, "modality", "extractor"):
                fields.setdefault(name, []).append(modality)
    return fields | {name: ["audio", "video"] for name in LIMITS}


def _help(name: str, modalities: list[str]) -> str:
    """Return the values of a parameter and its default by modality."""
    parts = []
    for modality in modalities:
        field = (Data if name in LIMITS else SECTIONS[modality]).model_fields[name]
        choices = get_args(Group) if name == "groups" else get_args(field.annotation)
        values = "|".join(str(value) for value in choices if isinstance(value, str))
        default = "none" if name == "max_seconds" or field.default is None else field.default
        parts.append(f"{modality}: {values + ', ' if values else ''}default {default}")
    return "; ".join(parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mer.features",
        description=__doc__.splitlines()[0],
        epilog=__doc__.splitlines()[2],
    )
    add = parser.add_argument
    names = sorted({name for modality in SECTIONS for name in registry.names(modality)})
    add("paths", nargs="*", type=Path, metavar="FILE_OR_FOLDER",
        help="audio, video with sound, or text: .txt is one text, .csv and .tsv have one in each row")  # fmt: skip
    add("--extractor", required=True, choices=names, metavar="NAME", help=", ".join(names))
    add("--modality", choices=tuple(SECTIONS), help="for an extractor that several modalities have, such as encoder")
    add("--text", action="append", default=[], help="a text; may be repeated")
    add("--column", help="the column of tables that holds the texts; by default `text`, `transcription` or the like")
    add("--out", type=Path, metavar="FILE", help="the table, .csv or .parquet; without it a summary is printed")
    add("--force", action="store_true", help="overwrite an existing table")
    devices = get_args(Compute.model_fields["device"].annotation)
    add("--device", choices=devices, default=devices[0], help="the device of networks (default: %(default)s)")
    add(
        "--threads", type=int, default=Compute().threads, help="threads of networks; changes the last bits (default: 1)"
    )
    add("--jobs", type=int, default=processors.count(), help="threads of extraction; changes no vector")
    group = parser.add_argument_group("parameters of extractors, as in the section `features` of a study")
    for name, modalities in _fields().items():
        several = "+" if name == "groups" else None
        group.add_argument(f"--{name.replace('_', '-')}", metavar="X", nargs=several, help=_help(name, modalities))
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
