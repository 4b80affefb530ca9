"""The tables of results in the README and in docs/results.md: one JSON file each, made from a run folder.

    python -m benchmarks.results outputs/study --table loco --title "…" --out benchmarks/results/study_loco.json
    python -m benchmarks.results --pages

The first command reads the tables of a finished run. The second one writes the tables of both pages anew from the JSON
files: each stands between the lines `<!-- benchmarks/results/NAME.json -->` and `<!-- end -->`. `tests/test_results.py`
checks that every table is that of a JSON file, and that a JSON file has every number of the text around the tables.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mer import files, stats
from mer.evaluation.ablations.differences import headline
from mer.report.style.numbers import NO_VALUE, bounds, short
from mer.report.text.comparisons import format_p, signed

FOLDER = files.ROOT / "benchmarks" / "results"
"""The folder of the JSON files."""
PAGES = (files.ROOT / "README.md", files.ROOT / "docs" / "results.md")
"""The pages with tables."""
SCORES = ("loco", "in_corpus")
"""Tables of scores, named after their protocols."""
TABLES = (*SCORES, "comparison", "ablations")
"""The kinds of tables."""
MEAN = "mean"
"""The test corpus of means over corpora."""
MARKED = re.compile(r"(<!-- benchmarks/results/([\w.-]+)\.json -->)\n(.*?)\n?(<!-- end -->)", re.S)
"""A table of a page between its markers: the first marker, the name of the file, the table and the last marker."""
PROTOCOLS = {"loco": "LOCO", "in_corpus": "within corpus"}
"""Protocol -> its name in tables."""


def collect(
    folder: Path, table: str, answers: str = "restricted", systems: Iterable[str] = (), metric: str = "UAR"
) -> dict[str, Any]:
    """Return a table of a run folder as JSON types, with the command, date and corpora behind it.

    Args:
        folder: the run folder, which is finished.
        table: one of `TABLES`.
        answers: free or restricted; for tables of scores.
        systems: the systems or rows that are kept, in this order; by default all.
        metric: one of `stats.METRICS`; for tables of scores.
    """
    run = files.read_json(folder / "run.json")
    usable = pd.read_parquet(folder / "data/manifest.parquet")
    usable = usable[usable["exclude_reason"].isna()]
    corpora = {str(name): {"utterances": len(rows), "speakers": int(rows["speaker_id"].nunique())}
               for name, rows in usable.groupby("corpus")}  # fmt: skip
    rows = _score_rows(folder, table, answers, metric) if table in SCORES else _difference_rows(folder, table)
    wanted = list(systems) or list(dict.fromkeys(row["system"] for row in rows))
    rows = [row for name in wanted for row in rows if row["system"] == name]
    base = {"command": without_paths(run["command"]), "date": run["finished"][:10], "corpora": corpora,
            "table": table}  # fmt: skip
    return base | ({"answers": answers, "metric": metric} if table in SCORES else {}) | {"rows": rows}


def _score_rows(folder: Path, protocol: str, answers: str, metric: str) -> list[dict[str, Any]]:
    """The metric on each test corpus with its interval, and the mean over corpora, of each system."""
    results = _results(folder)
    keep = (results["protocol"] == protocol) & (results["answers"] == answers) & results["seed"].isna()
    results, rows = results[keep & (results["metric"] == metric)], []
    for system, part in results.groupby("system", sort=False):
        transductive = bool(part["transductive"].any())
        for row in part.to_dict("records"):
            numbers = {name: _number(row[name]) for name in ("value", "low", "high")}
            counts = {name: int(row[name]) for name in ("n", "speakers", "n_seeds", "classes")}
            rows.append({"system": system, "test_corpus": row["test_corpus"], **numbers, **counts,
                         "transductive": transductive})  # fmt: skip
        corrected = stats.chance_corrected(part["value"].to_numpy(), 1 / part["chance"].to_numpy()).mean()
        corrected = corrected if metric == "UAR" else float("nan")
        rows.append({"system": system, "test_corpus": MEAN, "value": _number(part["value"].mean()),
                     "chance_corrected": _number(corrected), "n": int(part["n"].sum()),
                     "speakers": int(part["speakers"].sum()), "transductive": transductive})  # fmt: skip
    return rows


def _results(folder: Path) -> pd.DataFrame:
    """The results of the run, or those of step 04 if step 09 has not run."""
    if (folder / "tables/results.csv").is_file():
        return pd.read_csv(folder / "tables/results.csv")
    return pd.read_parquet(folder / "tables/steps/04_results.parquet")


def _difference_rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """Mean differences from the reference."""
    stored = pd.read_csv(folder / f"tables/{table}.csv", keep_default_na=False, na_values=[""])
    means = headline(stored.assign(corpora=0) if "corpora" not in stored else stored)
    texts = ("system", "reference", "protocol", "verdict")
    numbers = ("value", "reference_value", "difference", "low", "high", "p_holm", "n", "speakers", "seeds")
    return [{name: row[name] for name in texts} | {name: _number(row[name]) for name in numbers}
            for row in means.to_dict("records")]  # fmt: skip


def _number(value: float) -> float | int | None:
    """A number that fits into a small file; None if there is none."""
    return None if pd.isna(value) else int(value) if float(value).is_integer() else round(float(value), 5)


def without_paths(command: str) -> str:
    """Return a command without the folders of one machine.

    >>> without_paths("python run_all.py params/x.yaml --set data.raw=/home/me/corpora --name try")
    'python run_all.py params/x.yaml --set data.raw=…/corpora'
    """
    return re.sub(r"=/(?:[^\s/]+/)*([^\s/]+)", r"=…/\1", re.sub(r" --name \S+", "", command))


def render(result: Mapping[str, Any]) -> str:
    """Return the Markdown table of a JSON file, and a line that says where it comes from.

    Args:
        result: as from `collect`, with `title`.
    """
    body = _score_table(result) if result["table"] in SCORES else _difference_table(result)
    count = sum(corpus["utterances"] for corpus in result["corpora"].values())
    source = f"{result['title']}. `{result['command']}`, {result['date']}, {count:,} utterances."
    return f"{body}\n\n{source}"


def _score_table(result: Mapping[str, Any]) -> str:
    """Systems × test corpora, and two means if there are several; only those of the UAR are corrected for chance."""
    by_system: dict[str, dict[str, dict]] = {}
    for row in result["rows"]:
        by_system.setdefault(row["system"], {})[row["test_corpus"]] = row
    corpora = sorted({row["test_corpus"] for row in result["rows"]} - {MEAN})
    kinds = {"mean": "value", "mean, chance-corrected": "chance_corrected"} if len(corpora) > 1 else {}
    of_means = [rows[MEAN] for rows in by_system.values()]
    means = {title: name for title, name in kinds.items() if any(row[name] is not None for row in of_means)}
    lines = [["system", *corpora, *means]]
    for system, rows in by_system.items():
        name = f"`{system}`" + (" (transductive)" if rows[MEAN]["transductive"] else "")
        entries = [_score(rows[corpus]) if corpus in rows else NO_VALUE for corpus in corpora]
        lines.append([name, *entries, *(short(rows[MEAN][column]) for column in means.values())])
    return _markdown(lines)


def _difference_table(result: Mapping[str, Any]) -> str:
    """Rows × protocols with differences from the reference."""
    protocols = [name for name in PROTOCOLS if any(row["protocol"] == name for row in result["rows"])]
    lines = [["row", "against", *(f"{PROTOCOLS[name]}, {column}" for name in protocols
                                  for column in ("difference", "p (Holm)", "verdict"))]]  # fmt: skip
    for system in dict.fromkeys(row["system"] for row in result["rows"]):
        rows = {row["protocol"]: row for row in result["rows"] if row["system"] == system}
        line = [f"`{system}`", f"`{next(iter(rows.values()))['reference']}`"]
        for name in protocols:
            line += _difference(rows[name]) if name in rows else [NO_VALUE] * 3
        lines.append(line)
    return _markdown(lines)


def _difference(row: Mapping[str, Any]) -> list[str]:
    values = pd.Series(row).fillna(float("nan")) if row["difference"] is not None else None
    if values is None:
        return [NO_VALUE, NO_VALUE, row["verdict"]]
    return [signed(values), format_p(values["p_holm"]), row["verdict"]]


def _score(row: Mapping[str, Any]) -> str:
    nan = float("nan")
    low, high = (nan if row[name] is None else row[name] for name in ("low", "high"))
    return f"{short(row['value'])} {bounds(low, high, row['speakers'])}"


def _markdown(lines: list[list[str]]) -> str:
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


def with_tables(text: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a page in which every marked table is that of its JSON file.

    Args:
        text: the page, in Markdown.
        results: name of the JSON file -> its content.

    Raises:
        KeyError: a marker names a file that does not exist.
    """
    return MARKED.sub(lambda match: f"{match[1]}\n{render(results[match[2]])}\n{match[4]}", text)


def to_text(result: Mapping[str, Any]) -> str:
    """Return a result as JSON with one line per row of its table."""
    head = json.dumps({**result, "rows": []}, indent=1, ensure_ascii=False)
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in result["rows"])
    return head.replace('"rows": []', f'"rows": [\n  {rows}\n ]') + "\n"


def load() -> dict[str, dict[str, Any]]:
    """Return name -> content of the JSON files that were made from run folders; others are made by benchmarks."""
    stored = {path.stem: files.read_json(path) for path in sorted(FOLDER.glob("*.json"))}
    return {name: content for name, content in stored.items() if "table" in content}


def main(words: list[str] | None = None) -> int:
    """Write a JSON file from a run folder, or the tables of the pages."""
    arguments = _parser().parse_args(words)
    if arguments.pages:
        for page in PAGES:
            files.write_text(page, with_tables(page.read_text(encoding="utf-8"), load()))
        return 0
    if arguments.run is None or arguments.out is None or arguments.title is None:
        print("name a run folder, --table, --title and --out, or use --pages", file=sys.stderr)
        return 2
    result = {"title": arguments.title} | collect(
        files.from_root(arguments.run), arguments.table, arguments.answers, arguments.systems, arguments.metric
    )
    facts = dict(fact.split("=", 1) for fact in arguments.fact)
    result |= {"facts": {name: json.loads(value) for name, value in facts.items()}} if facts else {}
    files.write_text(files.from_root(arguments.out), to_text(result))
    print(render(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("run", nargs="?", help="a finished run folder, such as outputs/study")
    add("--table", choices=TABLES, default="loco", help="which table (default: loco)")
    add("--answers", choices=("free", "restricted"), default="restricted", help="kind of predictions of scores")
    add("--systems", nargs="+", default=[], metavar="NAME", help="only these systems or rows, in this order")
    add("--metric", choices=stats.METRICS, default="UAR", help="metric of scores (default: UAR)")
    add("--title", help="what the table shows, in a few words")
    add("--fact", action="append", default=[], metavar="NAME=NUMBER", help="a further number that the text states")
    add("--out", help="the JSON file")
    add("--pages", action="store_true", help="write the tables of README.md and docs/results.md from all JSON files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
