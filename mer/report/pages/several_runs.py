"""One page over several runs: systems × studies, with paired differences where the recordings are the same."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from mer import corpora, files, params
from mer.dataset.identity.duplicates import SAMPLES
from mer.dataset.manifest import labels, schema
from mer.evaluation.comparison import comparison
from mer.evaluation.scores.confusions import Scoring
from mer.html_pages import banner, frame
from mer.params import output_check
from mer.params.schema import SELECTED, Params
from mer.report.style.numbers import NO_VALUE, chance, format_score, select, short
from mer.report.style.symbols import legend, symbols
from mer.report.tables.wrapped import content
from mer.report.text.comparisons import format_p, signed
from mer.stats import chance_corrected

TEMPLATES = Path(__file__).parent
"""The folder of the template."""
FIRST, OTHER = "the first run", "this run"
"""The names of both sides of a comparison; no system can have a name with a space."""


@dataclass(frozen=True)
class FinishedRun:
    """What the page reads of a run.

    Attributes:
        name: the name by which the page calls it.
        folder: the run folder.
        params: the parameters of the study.
        usable: the usable rows of the manifest.
        results, predictions: of the study.
    """

    name: str
    folder: Path
    params: Params
    usable: pd.DataFrame
    results: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the policy, in order."""
        return tuple(labels.of_study(self.params.labels).classes)

    @property
    def loco(self) -> pd.DataFrame:
        """Predictions on held-out corpora."""
        return self.predictions[self.predictions["protocol"] == "loco"]


def write(path: Path, runs: Sequence[FinishedRun]) -> None:
    """Write the page.

    Args:
        path: the path of the page.
        runs: at least two runs; differences are from the first.
    """
    differences, reasons = compare(runs)
    names = ", ".join(run.name for run in runs)
    banners = dict.fromkeys(filter(None, (banner.of_data(run.params.data) for run in runs)))
    scores = _scores_table(runs)
    text = frame.environment(TEMPLATES).get_template("several_runs.html.j2").render(
        title=f"Runs {names}", banner=" ".join(banners), has_script=True, first=runs[0].name, reasons=reasons,
        runs=_runs_table(runs, path.parent),
        means=content(_means_table(runs), "Chance-corrected UAR, free predictions: 0 is guessing, 1 is perfect."),
        scores=content(scores, f"UAR with its interval over speakers, free predictions. {legend(scores)}".strip()),
        differences=content(difference_table(differences), "UAR in each run and in the first; means are corrected."),
    )  # fmt: skip
    files.write_text(path, text)


def read(folder: Path, name: str) -> FinishedRun:
    """Return a run.

    Args:
        folder: the run folder; its step 09 has run.
        name: the name by which the page calls it.

    Raises:
        ValueError: the folder is no run folder.
        FileNotFoundError: a file is missing; the message says what to run.
        OutputChanged: a file is not what its step wrote.
        ParamsError: its parameters are those of another version.
    """
    place, tables = files.to_root(folder), []
    if not (folder / "params.yaml").is_file():
        raise ValueError(f"{place}: is no run folder, because it has no params.yaml")
    for file in ("data/manifest.parquet", "tables/results.parquet", "tables/predictions.parquet"):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{place}/{file} does not exist: python run_all.py {place}/params.yaml")
        output_check.check(folder, file)
        tables.append(pd.read_parquet(folder / file))
    manifest, *scored = tables
    return FinishedRun(name, folder, params.load(folder / "params.yaml"), schema.usable(manifest), *scored)


def _runs_table(runs: Sequence[FinishedRun], home: Path) -> dict:
    """Return a row per run with what was run, as `data_table` of mer/html_pages/parts.html.j2 takes it.

    Args:
        runs: the runs.
        home: the folder of the page, from which front pages are linked.
    """
    columns = ["run", "recordings", "corpora", "utterances", "speakers", "classes", "systems", "seeds", "pages"]
    rows = []
    for run in runs:
        speakers = run.usable.dropna(subset=["speaker_id"]).drop_duplicates(["family", "speaker_id"])
        page = Path(os.path.relpath(run.folder / "index.html", home)).as_posix()
        rows.append([
            run.name, "synthetic" if run.params.data.synthetic else "real",
            ", ".join(sorted(run.usable["corpus"].unique())), f"{len(run.usable):,}", f"{len(speakers):,}",
            ", ".join(run.classes), ", ".join(run.params.systems), ", ".join(map(str, run.params.evaluation.seeds)),
            {"text": "front page", "link": quote(page), "detail": ""},
        ])  # fmt: skip
    return {"caption": "What was run.", "columns": columns, "rows": rows, "foot": []}


def _scores_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return (held-out corpus, system) × runs with the UAR of free predictions."""
    entries = {}
    for run in runs:
        rows = select(run.results, "loco", "free")
        entries[run.name] = pd.Series(
            [f"{format_score(row)}{mark}" for (_, row), mark in zip(rows.iterrows(), symbols(rows), strict=True)],
            index=pd.MultiIndex.from_frame(rows[["test_corpus", "label"]], names=["held out", "system"]), dtype=object,
        )  # fmt: skip
    return pd.DataFrame(entries).sort_index().fillna(NO_VALUE)


def _means_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return systems × runs with the mean over the held-out corpora of all runs, of systems that were tested on all."""
    parts = [select(run.results, "loco", "free").dropna(subset=["value", "classes"]) for run in runs]
    common = set.intersection(*(set(part["test_corpus"]) for part in parts))
    entries = {}
    for run, part in zip(runs, parts, strict=True):
        rows = part[part["test_corpus"].isin(common)]
        gains = chance_corrected(rows["value"].to_numpy(float), 1 / chance(rows).to_numpy(float))
        by_system = pd.Series(gains, rows["label"].to_numpy(object)).groupby(level=0).agg(["mean", "size"])
        entries[run.name] = by_system.loc[by_system["size"] == len(common), "mean"].map(short)
    frame = pd.DataFrame(entries).fillna(NO_VALUE).rename_axis(f"system ({len(common)} corpora)")
    return frame if common else frame.iloc[:0]


def compare(runs: Sequence[FinishedRun]) -> tuple[pd.DataFrame, list[str]]:
    """Compare each system of each run with the same system of the first run, on the same recordings.

    Returns:
        `comparison.COLUMNS` and `run`, with p-values adjusted over all rows, and the reasons against other comparisons.
    """
    first, tables, reasons = runs[0], [], []
    for run in runs[1:]:
        if run.classes != first.classes:
            reasons.append(f"{run.name}: its classes are {', '.join(run.classes)}, not those of {first.name}")
            continue
        same, different = _same_corpora(first, run)
        reasons += different
        for system in sorted(set(first.loco["system"]) & set(run.loco["system"])):
            tables += _differences(first, run, system, same)
    if not tables:
        return comparison.empty().assign(run=""), reasons
    level = 1 - first.params.evaluation.confidence
    joined = pd.concat(tables, ignore_index=True)
    return comparison.with_verdicts(joined.drop(columns="run"), level).assign(run=joined["run"]), reasons


def _same_corpora(first: FinishedRun, run: FinishedRun) -> tuple[list[str], list[str]]:
    """The held-out corpora whose tested recordings, speakers and classes are the same, and reasons against others."""
    same, reasons = [], []
    for corpus in sorted(set(first.loco["test_corpus"]) & set(run.loco["test_corpus"])):
        sides = [_tested(each, corpus) for each in (first, run)]
        common = len(set(sides[0]) & set(sides[1]))
        if sides[0] == sides[1]:
            same.append(corpus)
        else:
            reasons.append(f"{run.name}, {corpus}: {common:,} of {len(sides[0]):,} and {len(sides[1]):,} tested "
                           f"utterances are the same in recording, speaker and class")  # fmt: skip
    return same, reasons


def _tested(run: FinishedRun, corpus: str) -> list[tuple]:
    """The tested utterances of a corpus with what makes them the same."""
    ids = set(run.loco.loc[run.loco["test_corpus"] == corpus, "utterance_id"])
    rows = run.usable[run.usable["utterance_id"].isin(ids)]
    columns = rows[["utterance_id", SAMPLES, "speaker_id", "emotion"]].astype(object).fillna("")
    return sorted(columns.itertuples(index=False, name=None))


def _differences(first: FinishedRun, run: FinishedRun, system: str, same: list[str]) -> list[pd.DataFrame]:
    """The rows of one system in two runs, before p-values are adjusted."""
    sides = []
    for each in (first, run):
        rows = each.loco[(each.loco["system"] == system) & each.loco["test_corpus"].isin(same)]
        sides.append(rows.assign(system=FIRST if each is first else OTHER))
    both = set(sides[0]["test_corpus"]) & set(sides[1]["test_corpus"])
    joined = pd.concat([side[side["test_corpus"].isin(both)] for side in sides], ignore_index=True)
    if joined.empty:
        return []
    clusters = corpora.clusters(corpora.of_study(first.params))
    scoring = Scoring(first.classes, clusters, first.params.evaluation.confidence)
    table = comparison.differences(joined, scoring, FIRST, protocol="loco", answers="free", metric="UAR")
    return [table.assign(system=system, run=run.name)]


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run, system and held-out corpus with both scores, the difference and its verdict."""
    shown = pd.DataFrame({
        "UAR": table["value"].map(short), "in the first run": table["reference_value"].map(short),
        "difference": [signed(row) for _, row in table.iterrows()], "p (Holm)": table["p_holm"].map(format_p),
        "verdict": table["verdict"], "clips": table["n"].map("{:,}".format), "speakers": table["speakers"],
    })  # fmt: skip
    names = table[["run", "system", "test_corpus"]].assign(last=table["test_corpus"] == comparison.MEAN)
    order = names.assign(chosen=names["system"] != SELECTED).sort_values(["run", "last", "chosen", "system"]).index
    shown.index = pd.MultiIndex.from_frame(names.drop(columns="last"), names=["run", "system", "held out"])
    return shown.iloc[[table.index.get_loc(name) for name in order]]
