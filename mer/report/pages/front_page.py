"""What the front page of a run says about its study: `front_page.json`, in the form that the runner shows.

The form is described in mer/runner/reporting/study_summary.py. Texts are plain; the runner escapes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.dataset.manifest import lost_utterances, schema
from mer.params.schema import SELECTED, Params
from mer.report.style.numbers import NO_VALUE, bounds, chance, select, short
from mer.report.style.symbols import legend, names_with_symbols
from mer.report.tables.scores import MEAN, loco_table
from mer.report.tables.wrapped import content
from mer.report.text.scores import above_chance_sentence, breach_sentence, headline_system
from mer.report.text.sentences import name_list
from mer.stats import chance_corrected

PAGES = {
    "classes.html": ("confusions and recall", "confusions and recall by class of each held-out corpus and system"),
    "listening.html": (
        "listen",
        "the most confident errors, the least certain utterances and duplicates, with players",
    ),
    "architecture.html": ("architecture", "what each system reads, and the shapes of its tensors"),
    "baseline.html": ("baseline", "what the first system reaches, beside chance and shortcuts"),
    "diagnosis.html": ("diagnosis", "what is wrong with data and predictions"),
    "improvements.html": ("improvements", "which systems are shown to differ from the first"),
    "ablation.html": ("ablation", "which part of a system matters"),
    "09_report.html": ("report", "all tables and figures of the study on one page"),
}
"""Link -> the name of a page and what it shows."""


@dataclass(frozen=True)
class Study:
    """What the front page is made of.

    Attributes:
        params: the declared sections of the parameters.
        manifest: all rows.
        results: tidy (mer/evaluation/scores/scores.py).
        comparison: from `shortcut_comparison.compare_with_shortcuts`.
        findings: the table of the audit.
        problems, failures: the tables of files that could not be used, and of inputs that could not be computed.
        not_scored: corpus -> the reason why it is not scored.
    """

    params: Params
    manifest: pd.DataFrame
    results: pd.DataFrame
    comparison: pd.DataFrame
    findings: pd.DataFrame
    problems: pd.DataFrame
    failures: pd.DataFrame
    not_scored: Mapping[str, str]


def write(path: Path, study: Study) -> None:
    """Write `front_page.json`."""
    page = {
        "facts": facts(study),
        "findings": findings(study),
        "table": table(study.results, study.comparison),
        "figure": forest(study.results),
        "lost": lost(study),
        "pages": [{"link": link, "name": name, "shows": shows} for link, (name, shows) in PAGES.items()],
    }
    files.write_json(path, page)


def facts(study: Study) -> list[tuple[str, str]]:
    """Return names and texts of what was studied."""
    usable, data = schema.usable(study.manifest), study.params.data
    people = usable.dropna(subset=["speaker_id"]).drop_duplicates(["family", "speaker_id"])
    genders = people["gender"].fillna("of unknown gender").value_counts()
    order = [name for name in ("female", "male", "child", "of unknown gender") if name in genders]
    sexes = ", ".join(f"{genders[name]:,} {name}" for name in order) if people["gender"].notna().any() else ""
    classes = usable["emotion"].value_counts()
    recordings = "synthetic" if data.synthetic else "real"
    limited = data.max_clips is not None or data.max_speakers is not None
    return [
        ("recordings", f"{recordings}{', a quick look at a part of each corpus' if limited else ''}"),
        ("corpora", ", ".join(sorted(usable["corpus"].unique())) or "none"),
        ("utterances", f"{len(usable):,} of {len(study.manifest):,} are used, {usable['duration'].sum() / 3600:.1f} h"),
        ("speakers", f"{len(people):,}{f' ({sexes})' if sexes else ''}"),
        ("classes", ", ".join(f"{name} {count:,}" for name, count in classes.items())),
        ("systems", "; ".join(f"{name}: {_system(system)}" for name, system in study.params.systems.items())),
        ("seeds", ", ".join(map(str, study.params.evaluation.seeds))),
    ]


def _system(system) -> str:
    inputs = " + ".join(getattr(system, "inputs", None) or ())
    return f"{system.model}{f' on {inputs}' if inputs else ''}"


def findings(study: Study) -> list[dict]:
    """Return what was found, as three entries: the result, what is not shown to be above chance, the audit."""
    level = 1 - study.params.evaluation.confidence
    system = headline(study)
    result, chances = _result_sentence(study.results, system), above_chance_sentence(study.results, system, level=level)
    audit = audit_sentence(study.findings, study.results)
    texts = [
        ("On corpora that no training has seen", result, "04_cross_corpus.html", "LOCO"),
        ("Against chance", str(chances), "09_report.html", "scores"),
        ("What the audit holds against it", audit, "01_build_dataset.html", "audit"),
    ]
    return [dict(zip(("title", "text", "link", "link_text"), entry, strict=True)) for entry in texts]


def headline(study: Study) -> str:
    """Return the system whose LOCO result is the headline, as `headline_system`."""
    return headline_system(study.results, list(study.params.systems))


def _result_sentence(results: pd.DataFrame, system: str) -> str:
    """Return the mean of a system over held-out corpora, and its lowest and highest score with their intervals."""
    rows = select(results, "loco", "free").dropna(subset=["value", "classes"])
    rows = rows[rows["system"] == system].assign(guess=lambda part: chance(part))
    if rows.empty:
        return "No corpus has been held out."
    gains = pd.Series(chance_corrected(rows["value"].to_numpy(float), 1 / rows["guess"].to_numpy(float)), rows.index)
    chosen = "chosen for each held-out corpus by the training corpora alone"
    subject = f"The system {chosen}" if system == SELECTED else f"The system {rows['label'].iloc[0]}"
    if len(rows) == 1:
        return f"{subject} has a UAR of {_with_corpus(rows.iloc[0])}; chance is {short(rows['guess'].iloc[0], 2)}."
    lowest, highest = rows.loc[gains.idxmin()], rows.loc[gains.idxmax()]
    mean = (
        f"a mean chance-corrected UAR of {short(gains.mean(), 2)} over {len(rows)} corpora (0 is guessing, 1 perfect)"
    )
    return f"{subject} has {mean}. UAR: from {_with_corpus(lowest)} to {_with_corpus(highest)}."


def _with_corpus(row: pd.Series) -> str:
    interval = bounds(row["low"], row["high"], row["speakers"], digits=2, reason=row["why_none"])
    return f"{short(row['value'], 2)} {interval} on {row['test_corpus']}"


def audit_sentence(table: pd.DataFrame, results: pd.DataFrame) -> str:
    """Return the numbers and kinds of breaches and warnings of the audit, and which scores a breach concerns."""
    parts = []
    for severity, plural in (("breach", "breaches"), ("warning", "warnings")):
        rows = table[table["severity"] == severity]
        if len(rows):
            kinds = name_list([f"{kind} ({name_list(sorted(part['corpora'].unique()))})"
                               for kind, part in rows.groupby("kind", sort=False)])  # fmt: skip
            parts.append(f"{len(rows)} {severity if len(rows) == 1 else plural}: {kinds}.")
    text = " ".join(parts) or "It found no breach and no warning."
    return text + breach_sentence(select(results, "loco"))


def table(results: pd.DataFrame, comparison: pd.DataFrame) -> dict:
    """Return the LOCO table: a row per system and kind of predictions, a column per held-out corpus."""
    frame = loco_table(results, shortcuts=comparison)
    if frame.empty:
        return content(frame)
    caption = (
        "UAR, the mean recall of the classes, with its interval over speakers. Free predictions choose among all "
        "classes, and “outside” is the share in classes that a corpus lacks; restricted ones choose among those of the "
        f"corpus. “Without text”: the corpus lacks this input of the system. {MEAN} is the mean over corpora: 0 is "
        "guessing, 1 is perfect. " + legend(frame)
    )
    return content(frame, caption.strip())


def forest(results: pd.DataFrame, answers: str = "free") -> dict:
    """Return the points and intervals of the UAR on each held-out corpus."""
    rows = select(results, "loco", answers).dropna(subset=["value"])
    corpora = sorted(rows["test_corpus"].unique())
    names = dict(zip(corpora, names_with_symbols(corpora, rows), strict=True))
    groups = []
    for corpus in corpora:
        part = rows[rows["test_corpus"] == corpus].sort_values(
            "label", key=lambda names: names.where(names != SELECTED, "")
        )
        guess = chance(part).iloc[0]
        groups.append({"name": names[corpus], "chance": None if np.isnan(guess) else float(guess),
                       "rows": [_point(row) for _, row in part.iterrows()]})  # fmt: skip
    caption = (
        f"UAR (mean recall of the classes), {answers} predictions: point and interval over speakers; dotted: chance."
    )
    alt = f"Forest plot of the UAR of {rows['label'].nunique()} systems on {len(corpora)} held-out corpora; the table "
    return {"caption": caption, "alt": alt + "below has the same numbers.", "groups": groups}


def _point(row: pd.Series) -> dict:
    known = pd.notna(row["low"]) and pd.notna(row["high"])
    interval = bounds(row["low"], row["high"], digits=2) if known else NO_VALUE
    return {
        "name": row["label"], "value": float(row["value"]), "text": f"{short(row['value'], 2)} {interval}",
        "low": float(row["low"]) if known else None, "high": float(row["high"]) if known else None,
    }  # fmt: skip


def lost(study: Study) -> list[str]:
    """Return sentences about what was lost: corpora, utterances and inputs."""
    texts = [f"{corpus} is not scored: {reason}." for corpus, reason in sorted(study.not_scored.items()) if reason]
    problems = study.problems.astype({"lost": bool})  # empty, it has no type
    counted = lost_utterances.count_lost(study.manifest, problems)
    texts += [f"{text}." for text in lost_utterances.sentences(counted, study.manifest)]
    reasons, left_out = study.manifest["exclude_reason"], [lost_utterances.NOT_LOST, lost_utterances.NOT_DRAWN]
    other = reasons[reasons.isin(left_out) | study.manifest["emotion"].isna()].dropna().value_counts()
    texts += [f"{count:,} utterances are not used: {reason}." for reason, count in other.items()]
    usable = schema.usable(study.manifest)
    texts += [f"{text}." for text in lost_utterances.count_without_vectors(study.failures, usable)]
    return texts or ["Nothing: every utterance is used and every input could be computed."]
