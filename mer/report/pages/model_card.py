"""A model in words, for whoever is handed its folder: what it learned from, how well it does, what it is not for."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mer.corpora import Corpus
from mer.report.style.numbers import bounds, guessing, marks, over, select, short
from mer.report.text.sentences import held_against

_INTENDED = """\
Research on recognising acted and spoken emotion across corpora: comparing methods, finding where they fail, giving a
first guess that a person then checks. Answers are classes that people acted or that raters heard, and no measure of
what somebody feels."""
_EXCLUDED = """\
- Decisions about people: hiring, work, school, insurance, credit, policing, border control, diagnosis, therapy. In the
  European Union recognising emotions at work and in education is forbidden but for medical and safety reasons
  (Regulation (EU) 2024/1689, Article 5(1)(f)).
- Watching people who have not agreed to it, and lie detection.
- Commercial use, where a licence below is for research only."""


def model_card(card: dict, results: pd.DataFrame, known: Mapping[str, Corpus], usable: pd.DataFrame,
               confidence: float = 0.95) -> str:  # fmt: skip
    """Return a model's README in Markdown.

    Args:
        card: what the checkpoint says of itself.
        results: of its study, tidy (mer/evaluation/scores/scores.py); its system's are shown.
        known: the corpora of the study.
        usable: rows of the manifest that may be trained on.
        confidence: of the intervals in `results`.
    """
    system = card["name"].removesuffix(f"-seed{card['seed']}")
    rows = usable[(usable["split"] == "train") & usable["corpus"].isin(card["corpora"])]
    parts = [
        f"# Model {cell(card['name'])}",
        f"A `{card['model']}` model of {', '.join(card['modalities'])} that answers {', '.join(card['classes'])}. It "
        f"was made by {_made_with(card)}; `model.json` says with which parameters and on which utterances, by digest.",
        "```\npython -m mer.predict FILE_OR_FOLDER --model FOLDER_OF_THIS_FILE\n```",
        "## What it learned from",
        table(["corpus", "language", "how it arose", "train", "validation", "licence"], _corpora(card, known)),
        _ancestors(card),
        "## How well it does",
        "On speakers that it has not seen, of the same corpora; recordings of another kind are harder. UAR (mean "
        f"recall of the classes) of free answers; intervals are at {confidence:.0%} over new speakers of a corpus.",
        table(["corpus", "clips", "speakers", "intervals over", "chance", "this model", "mean over seeds"],
               _scores(results, system, card["seed"])),
        _held_against(results, system),
        "Probabilities are calibrated on the validation speakers of these corpora (temperature "
        f"{card['temperature']:.2f}). On recordings of another kind they are too high.",
        "## What it is for",
        _INTENDED,
        "## What it is not for",
        _EXCLUDED,
        "## Known biases",
        "\n".join(f"- {line}" for line in _biases(card, known, rows)),
        "## Sources",
        "\n".join(f"- {cell(known[name].citation)}" for name in card["corpora"] if name in known),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _corpora(card: dict, known: Mapping[str, Corpus]) -> Iterable[Sequence[object]]:
    seen = card["seen"]
    for name in card["corpora"]:
        corpus = known.get(name)
        counts = [seen[part].get(name, {}).get("rows", 0) for part in ("train", "validation")]
        told = (corpus.language, corpus.elicitation) if corpus else ("?", "?")
        yield name, *told, *counts, corpus.licence if corpus else "?"


def _scores(results: pd.DataFrame, system: str, seed: int) -> Iterable[Sequence[object]]:
    free = results[(results["system"] == system) & (results["protocol"] == "multi_corpus")]
    free = free[(free["answers"] == "free") & (free["metric"] == "UAR")].dropna(subset=["classes"])
    own = free[free["seed"].eq(seed).fillna(False)].set_index("test_corpus")["value"]
    found = free[free["seed"].isna()]
    for guess, mark, (_, row) in zip(guessing(found), marks(found), found.iterrows(), strict=True):
        mean = f"{short(row['value'])} {bounds(row['low'], row['high'], row['speakers'], why=row['why_none'])}{mark}"
        corpus = row["test_corpus"]
        yield corpus, row["n"], row["speakers"], over(row), short(guess), f"{short(own.get(corpus))}{mark}", mean


def _held_against(results: pd.DataFrame, system: str) -> str:
    rows = select(results, "multi_corpus", "free").dropna(subset=["classes"])
    return held_against(rows[rows["system"] == system]).strip()


def _biases(card: dict, known: Mapping[str, Corpus], rows: pd.DataFrame) -> Iterable[str]:
    corpora = [known[name] for name in card["corpora"] if name in known]
    yield f"Languages: {', '.join(sorted({corpus.language for corpus in corpora}))}; others are a guess."
    acted = rows["elicitation"].eq("acted").mean() if len(rows) else 0.0
    yield f"{acted:.0%} of the training clips are acted, which is louder and clearer than what people do unasked."
    if len(rows):
        counts = rows["emotion"].value_counts(normalize=True)
        yield "Classes: " + ", ".join(f"{name} {counts.get(name, 0.0):.0%}" for name in card["classes"]) + "."
        who = rows["gender"].fillna("not said").value_counts(normalize=True)
        yield (
            "Speakers' gender, by clips: " + ", ".join(f"{cell(name)} {share:.0%}" for name, share in who.items()) + "."
        )
        yield f"{rows['speaker_id'].nunique()} speakers: age, accent and room are those of these few."
    if never := [name for name in card["classes"] if not rows["emotion"].eq(name).any()]:
        yield f"Never trained, and so never answered: {', '.join(never)}."
    yield "Corpora differ in who acts what: a model may learn the recording room with the emotion (the study's audit)."


def _ancestors(card: dict) -> str:
    told = [f"{cell(one['name'])} ({', '.join(map(cell, one['corpora']))})" for one in card["ancestors"]]
    return f"Its training began with {', then '.join(told)}." if told else ""


def _made_with(card: dict) -> str:
    git = card.get("git") or {}
    state = f" at commit {git['commit'][:12]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else ""
    return f"MER{state}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(value: object) -> str:
    """Text that stays text in a Markdown table, whatever a corpus calls itself.

    >>> print(cell("a|b <i>\\nc"))
    a\\|b &lt;i> c
    """
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
