"""Reports that a study writes about itself: architecture, baseline, diagnosis, improvements and ablation.

Each is a page of sentences and tables that answers one question. Every number is taken from the results of the study,
and no sentence states a difference or a cause that no test of the study has shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.evaluation.scores.confusions import Scoring
from mer.html_pages import frame
from mer.html_pages.banner import PageStudy
from mer.params.schema import SELECTED, Params
from mer.params.systems import System
from mer.report.pages import front_page
from mer.report.pages.classes_page import outside_table
from mer.report.style.numbers import NO_VALUE, bounds, short
from mer.report.style.symbols import TRANSDUCTIVE, for_display
from mer.report.tables.ablations import ablation_table
from mer.report.tables.comparisons import difference_table
from mer.report.tables.scores import SHORTCUT, pivot
from mer.report.tables.wrapped import content
from mer.report.text.ablations import ablation_sentence
from mer.report.text.comparisons import difference_sentence, signed
from mer.report.text.scores import above_chance_sentence, shortcut_legend
from mer.report.text.selection import selection_sentence, selection_table

TEMPLATES = Path(__file__).parent
"""The folder of the template."""
NAMES = ("architecture", "baseline", "diagnosis", "improvements", "ablation")
"""The reports, each written as `NAME.html`."""
PARAMETERS = "network."
"""What the names of a network's tensors begin with in a checkpoint."""
MAX_CONFUSIONS = 15
"""The largest number of confusions that the diagnosis lists."""


@dataclass(frozen=True)
class Evidence:
    """What the reports are made of, beside the front page's.

    Attributes:
        about: what the front page is made of.
        predictions: of the study.
        scoring: classes and clusters.
        recalls: from `slices.recalls`, of LOCO.
        specs: input -> its extraction (`specs` of data/features.json).
        checkpoints: the folder of trained models; None without it.
        choices: the table `selection.csv`; empty without it.
        tables: name -> a table of step 07 (comparison, slice_gaps); without it if the step has not run.
        ablated: the table of step 05, with flags; None without it.
    """

    about: front_page.Study
    predictions: pd.DataFrame
    scoring: Scoring
    recalls: pd.DataFrame
    specs: Mapping[str, Mapping]
    checkpoints: Path | None
    choices: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    ablated: pd.DataFrame | None = None

    @property
    def reference(self) -> str:
        """The first system of the study, which is named before anything is trained."""
        return next(iter(self.about.params.systems))

    @property
    def level(self) -> float:
        """The largest adjusted p-value of a difference that is shown."""
        return 1 - self.scoring.confidence


@dataclass(frozen=True)
class Section:
    """A heading, sentences and perhaps a table (`wrapped.content`)."""

    heading: str
    texts: Sequence[str] = ()
    table: dict | None = None


@dataclass(frozen=True)
class Report:
    """One page: its title, its question, its sections, and links (address, name) to the steps behind it."""

    title: str
    question: str
    sections: Sequence[Section]
    links: Sequence[tuple[str, str]]


def write(folder: Path, study: PageStudy, evidence: Evidence) -> None:
    """Write all reports.

    Args:
        folder: the run folder.
        study: the study, the banner of its pages and the day.
        evidence: what the reports are made of.
    """
    template = frame.environment(TEMPLATES).get_template("study_report.html.j2")
    makers = (architecture, baseline, diagnosis, improvements, ablation)
    for name, make in zip(NAMES, makers, strict=True):
        report = make(evidence)
        text = template.render(title=f"{report.title} · {study.place}", study=study.place, banner=study.banner,
                               report=report, has_script=True)  # fmt: skip
        files.write_text(folder / f"{name}.html", text)


def architecture(evidence: Evidence) -> Report:
    """Return what goes into each system, and the shapes of the tensors that it learned."""
    params, rows = evidence.about.params, {}
    for name, system in params.systems.items():
        inputs = system.inputs or (() if system.is_ensemble else tuple(evidence.specs))
        changed = "; ".join(f"{key}: {value}" for key, value in system.training.items())
        rows[name] = {"model": system.model, "inputs": ", ".join(inputs) or NO_VALUE,
                      "members": ", ".join(system.members) or NO_VALUE,
                      "normalisation": NO_VALUE if system.is_ensemble else _normalisation(system, params),
                      "own parameters": changed or NO_VALUE}  # fmt: skip
    inputs = {name: {"modality": spec["modality"], "extractor": spec["extractor"], "width": f"{spec['width']:,}"}
              for name, spec in evidence.specs.items()}  # fmt: skip
    flow = ("Recordings are decoded to 16 kHz. Each input becomes one vector per utterance, or frames (keep: frames). "
            "Both are scaled as the column normalisation says: “training” is by statistics of the training rows. "
            "A system reads its inputs by name and returns a probability of each of "
            f"{len(evidence.scoring.classes)} classes: {', '.join(evidence.scoring.classes)}.")  # fmt: skip
    sections = [
        Section("Data flow", [flow]),
        Section("Inputs", [], _table(inputs, "input", "Vectors of each input.")),
        Section("Systems", [], _table(rows, "system", "Parameters that differ from those of the study.")),
        *_tensors(evidence),
    ]
    links = [("02_extract_features.html", "features"), ("03_train_fusion.html", "layers, drawing, learning curves")]
    return Report("Architecture", "What does each system read, and what did it learn?", sections, links)


def _normalisation(system: System, params: Params) -> str:
    kinds = system.training_parameters(params.training).normalisation
    return kinds if isinstance(kinds, str) else ", then ".join(kinds)


def _tensors(evidence: Evidence) -> Iterator[Section]:
    """A section per network with the tensors of its model for all corpora."""
    if evidence.checkpoints is None:
        return
    from safetensors import safe_open

    for name, system in evidence.about.params.systems.items():
        found = sorted(evidence.checkpoints.glob(f"{name}-seed*/model.safetensors")) if system.is_network else []
        if not found:
            continue
        with safe_open(found[0], framework="numpy") as tensors:
            names = [key for key in tensors.keys() if key.startswith(PARAMETERS)]  # noqa: SIM118  (no mapping)
            shapes = {key.removeprefix(PARAMETERS): tensors.get_slice(key).get_shape() for key in names}
        rows = {key: {"shape": " × ".join(map(str, shape)) or "1", "numbers": f"{int(np.prod(shape)):,}"}
                for key, shape in shapes.items()}  # fmt: skip
        total = sum(int(np.prod(shape)) for shape in shapes.values())
        text = f"{found[0].parent.name} has {total:,} parameters in {len(shapes)} tensors."
        yield Section(f"Tensors of {name}", [text], _table(rows, "tensor", "Parameters of the network."))


def baseline(evidence: Evidence) -> Report:
    """Return what the first system reaches under each protocol, beside chance and the best shortcut."""
    about, name, sections = evidence.about, evidence.reference, []
    protocols = {"in_corpus": "Within each corpus", "loco": "On held-out corpora (LOCO)",
                 "multi_corpus": "One model for all corpora"}  # fmt: skip
    for protocol, heading in protocols.items():
        shortcuts = about.comparison if protocol != "multi_corpus" else None
        table = pivot(about.results, protocol, "free", shortcuts=shortcuts)
        is_own = table.index.get_level_values(0).isin([name, name + TRANSDUCTIVE, SHORTCUT])
        if is_own.any() and len(about.results[about.results["protocol"] == protocol]):
            sections.append(Section(heading, [], content(table[is_own], "UAR with its interval, free predictions.")))
    texts = [str(above_chance_sentence(about.results, name, level=evidence.level)),
             str(shortcut_legend(about.comparison[about.comparison["protocol"] == "loco"]))]  # fmt: skip
    sections.append(Section("Chance and shortcuts", texts))
    question = f"What does the first system, {name}, reach before anything is improved?"
    links = [("03_train_fusion.html", "one model for all corpora"), ("04_cross_corpus.html", "within corpus and LOCO")]
    return Report("Baseline", question, sections, links)


def diagnosis(evidence: Evidence) -> Report:
    """Return what is wrong with data and predictions, as far as the study has tested it."""
    about, system = evidence.about, front_page.headline(evidence.about)
    severe = about.findings[about.findings["severity"] != "note"]
    found = {f"{row.severity}: {row.kind}, {row.corpora} ({number})": {"finding": row.finding, "advice": row.advice}
             for number, row in enumerate(severe.itertuples(index=False), start=1)}  # fmt: skip
    sections = [
        Section("Audit", [front_page.audit_sentence(about.findings, about.results)],
                _table(found, "kind", "Breaches and warnings.")),
        Section("What was lost", front_page.lost(about)),
        Section("Held-out corpora", [str(above_chance_sentence(about.results, system, level=evidence.level))]),
        Section("Classes that are recognised less often than by guessing", _missed_classes(evidence, system)),
        Section("Answers outside the classes of the corpus", [], content(outside_table(about.results))),
        Section("Most frequent confusions", ["Shares have no intervals here."], _confusions(evidence, system)),
        Section("Groups of speakers and recordings", _gaps(evidence)),
    ]  # fmt: skip
    links = [("01_build_dataset.html", "audit"), ("classes.html", "all confusions"), ("listening.html", "recordings"),
             ("07_compare_systems.html", "subgroups and calibration")]  # fmt: skip
    return Report("Diagnosis", f"What is wrong with the data and with the predictions of {system}?", sections, links)


def _missed_classes(evidence: Evidence, system: str) -> list[str]:
    """Sentences about classes whose recall is below guessing, by the upper end of its interval."""
    rows = evidence.recalls[evidence.recalls["system"] == system]
    guess = 1 / len(evidence.scoring.classes)
    missed = rows[rows["high"] < guess]
    unknown = int(rows["high"].isna().sum())
    texts = [f"{row.emotion} of {row.test_corpus}: {short(row.recall, 2)} {bounds(row.low, row.high, digits=2)}, "
             f"guessing {short(guess, 2)}." for row in missed.itertuples()]  # fmt: skip
    texts = texts or ["None is shown to be."]
    texts.append(f"{len(rows)} recalls were examined, without adjustment for their number; "
                 f"{unknown} have no interval, because too few speakers say the class.")  # fmt: skip
    return texts


def _confusions(evidence: Evidence, system: str) -> dict:
    """The confusions of the largest share of their true class, corpora apart."""
    loco = evidence.predictions[
        (evidence.predictions["protocol"] == "loco") & (evidence.predictions["system"] == system)
    ]
    counts = loco.groupby(["test_corpus", "emotion", "free"]).size().rename("count").reset_index()
    totals = loco.groupby(["test_corpus", "emotion"]).size().rename("total").reset_index()
    wrong = counts[counts["emotion"] != counts["free"]].merge(totals, on=["test_corpus", "emotion"])
    wrong = wrong.assign(share=wrong["count"] / wrong["total"]).sort_values("share", ascending=False, kind="stable")
    rows = {f"{row.emotion} as {row.free}, {row.test_corpus}": {"share of the class": f"{100 * row.share:.0f}%"}
            for row in wrong.head(MAX_CONFUSIONS).itertuples()}  # fmt: skip
    return _table(rows, "confusion", "Predictions of a true class as another, seeds together.")


def _gaps(evidence: Evidence) -> list[str]:
    gaps = evidence.tables.get("slice_gaps")
    if gaps is None:
        return ["Step 07 has not run."]
    shown = gaps[gaps["verdict"] == "shown"]
    texts = [f"{row['test_corpus']}, {row['attribute']}: {row['slice']} against {row['than']} {signed(row, 'gap')}."
             for _, row in shown.iterrows()]  # fmt: skip
    return texts or [f"None of {len(gaps)} gaps is shown for {evidence.reference}."]


def improvements(evidence: Evidence) -> Report:
    """Return which systems differ from the first one, and what a choice inside the training corpora gives."""
    table, sections = evidence.tables.get("comparison"), []
    if table is None:
        sections.append(Section("Differences", ["Step 07 has not run."]))
    elif table.empty:
        sections.append(Section("Differences", ["There is no other system on the same clips."]))
    else:
        shown = for_display(table, evidence.predictions)
        columns = difference_table(shown)[["UAR", "ref.", "difference", "p (Holm)", "verdict"]]
        rows = content(columns, f"UAR on held-out corpora, against {evidence.reference}.")
        sections.append(Section("Differences", [difference_sentence(shown, evidence.level)], rows))
    method = evidence.about.params.evaluation.selection
    text = str(selection_sentence(evidence.choices, method))
    chosen = selection_table(evidence.choices) if len(evidence.choices) else pd.DataFrame()
    sections.append(Section(f"The system {SELECTED}: chosen inside the training corpora", [text],
                            content(chosen, "Free and restricted predictions.") if len(chosen) else None))  # fmt: skip
    links = [("07_compare_systems.html", "differences"), ("04_cross_corpus.html", "selection")]
    return Report("Improvements", f"Which systems are shown to differ from {evidence.reference}?", sections, links)


def ablation(evidence: Evidence) -> Report:
    """Return which part of a system matters."""
    if evidence.ablated is None or evidence.ablated.empty:
        text = "Step 05 has not run, or the study has no rows: add --steps 05 to its command."
        return Report("Ablation", "Which part of the method matters?", [Section("Rows", [text])],
                      [("index.html", "steps")])  # fmt: skip
    texts = [str(ablation_sentence(evidence.ablated, protocol)) for protocol in ("loco", "in_corpus")
             if (evidence.ablated["protocol"] == protocol).any()]  # fmt: skip
    table = content(ablation_table(evidence.ablated), "Mean over corpora, and its difference from the reference.")
    return Report("Ablation", "Which part of the method matters?", [Section("Rows", texts, table)],
                  [("05_ablate.html", "ablation")])  # fmt: skip


def _table(rows: Mapping[str, Mapping[str, str]], name: str, caption: str) -> dict:
    """A table of texts, as `wrapped.content` returns it."""
    columns = list(next(iter(rows.values()), {}))
    return {"caption": caption, "columns": [name, *columns], "foot": [],
            "rows": [[title, *(row[column] for column in columns)] for title, row in rows.items()]}  # fmt: skip
