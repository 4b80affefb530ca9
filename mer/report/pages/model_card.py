"""The README of a model folder: training data, results, intended use and limitations."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mer.corpora import Corpus
from mer.params.augmentation import Augmentation
from mer.report.pages.markdown import escape_cell, markdown_table
from mer.report.style.numbers import bounds, chance, cluster_phrase, select, short
from mer.report.style.symbols import symbols
from mer.report.text.scores import breach_sentence
from mer.training.checkpoints.card import Card
from mer.training.checkpoints.folder import Checkpoint

_INTENDED = """\
Research on emotion recognition across corpora of acted and spontaneous speech: comparing methods, analysing errors, and
first predictions that a person then checks. A prediction is a class that actors portrayed or that raters perceived. It
does not measure what a person feels."""
_EXCLUDED = """\
This model must not be used for:

- Decisions about people: hiring, work, school, insurance, credit, policing, border control, diagnosis, therapy. In the
  European Union, emotion recognition at work and in education is prohibited except for medical and safety reasons
  (Regulation (EU) 2024/1689, Article 5(1)(f)).
- Monitoring people without their consent, and lie detection.
- Commercial purposes, if a licence below permits research only."""

ADAPTED_SCORES = """\
The model is *transductive*: its scores are of predictions that `training.adaptation` adapted to the unlabelled
recordings of each test corpus or speaker. `python -m mer.predict` does so with `--adapt`."""


def model_card(
    checkpoint: Checkpoint,
    results: pd.DataFrame,
    corpora: Mapping[str, Corpus],
    usable: pd.DataFrame,
    confidence: float = 0.95,
) -> str:
    """Return the README of a model in Markdown.

    Args:
        checkpoint: the folder of the model.
        results: results of its study, tidy (mer/evaluation/scores/scores.py).
        corpora: corpora of the study.
        usable: usable rows of the manifest.
        confidence: level of the intervals in `results`.
    """
    card = checkpoint.card
    system = card.name.removesuffix(f"-seed{card.seed}")
    rows = usable[(usable["split"] == "train") & usable["corpus"].isin(card.corpora)]
    classes = ", ".join(map(escape_cell, card.classes))
    sections = [
        f"# Model {escape_cell(card.name)}",
        f"{_kind(checkpoint)} of {', '.join(card.inputs)} that predicts {classes}. It was trained by "
        f"{_software(card)}. `model.json` contains its parameters and the digests of its training data.",
        "```\npython -m mer.predict FILE_OR_FOLDER --model FOLDER_OF_THIS_FILE\n```",
        _transductive(checkpoint),
        "## Intended use",
        _INTENDED,
        _EXCLUDED,
        "## Training data",
        markdown_table(["corpus", "language", "speech", "train", "validation", "licence"], _corpora(card, corpora)),
        _augmentation(checkpoint),
        _ancestors(card),
        "## Results",
        "Results are for test speakers of the training corpora; scores on other kinds of recordings are lower. They "
        f"are the UAR (unweighted average recall) of free predictions. Intervals have a level of {confidence:.0%} and "
        "hold for new speakers of a corpus.",
        markdown_table(
            ["corpus", "clips", "speakers", "intervals over", "chance", "this model", "mean over seeds"],
            _scores(results, system, card.seed),
        ),
        _breaches(results, system),
        "## Limitations",
        f"Probabilities are calibrated on {_calibration_rows(checkpoint)} ({_temperatures(checkpoint)}). They are too "
        "high for other kinds of recordings.",
        "\n".join(f"- {line}" for line in _biases(card, corpora, rows)),
        "## Citations",
        "\n".join(f"- {escape_cell(corpora[name].citation)}" for name in card.corpora if name in corpora),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _corpora(card: Card, corpora: Mapping[str, Corpus]) -> Iterable[Sequence[object]]:
    for name in card.corpora:
        corpus = corpora.get(name)
        counts = [_rows(card, part, name) for part in ("train", "validation")]
        origin = (corpus.language, corpus.elicitation) if corpus else ("?", "?")
        yield name, *origin, *counts, corpus.licence if corpus else "?"


def _rows(card: Card, part: str, corpus: str) -> int:
    digest = (card.training_rows or {}).get(part, {}).get(corpus)
    return digest.rows if digest else 0


def _kind(checkpoint: Checkpoint) -> str:
    """The type of the model; of an ensemble its members with their weights."""
    card = checkpoint.card
    if not card.is_ensemble:
        return f"A `{card.model}` model"
    names = (f"{escape_cell(member.folder)} ({member.weight:.2f})" for member in card.members)
    return f"An ensemble of {', '.join(names)}, with their weights in parentheses,"


def _transductive(checkpoint: Checkpoint) -> str:
    """How to use a model that reads unlabelled rows of what it predicts; empty for another one."""
    if not (groups := checkpoint.normalisation_groups):
        return ADAPTED_SCORES if checkpoint.transductive else ""
    option = "speaker" if "speaker" in groups else "corpus"
    return (
        f"The model is *transductive*: its features are scaled by the unlabelled recordings of each "
        f"{' and '.join(sorted(groups))} that it predicts, and its scores hold for that. `--adapt {option}` does so "
        "for your recordings. Without it they are scaled by the statistics of the training rows, and scores are lower."
    )


def _calibration_rows(checkpoint: Checkpoint) -> str:
    """The rows that the temperatures were fitted to."""
    by_corpora = {(one.card.choice or {}).get("by") == "corpora" for one in checkpoint.models}
    families = "each training family, as predicted by models that were not trained on it"
    speakers = "speakers of these corpora, as predicted by models that were not trained on them"
    return ", or on ".join([families] * (True in by_corpora) + [speakers] * (False in by_corpora))


def _temperatures(checkpoint: Checkpoint) -> str:
    values = [f"{model.card.temperature:.2f}" for model in checkpoint.models]
    return f"temperature{'s' if len(values) > 1 else ''} {', '.join(values)}"


def _scores(results: pd.DataFrame, system: str, seed: int) -> Iterable[Sequence[object]]:
    free = results[(results["system"] == system) & (results["protocol"] == "multi_corpus")]
    free = free[(free["answers"] == "free") & (free["metric"] == "UAR")].dropna(subset=["classes"])
    of_seed = free[free["seed"].eq(seed).fillna(False)].set_index("test_corpus")["value"]
    means = free[free["seed"].isna()]
    for guess, symbol, (_, row) in zip(chance(means), symbols(means), means.iterrows(), strict=True):
        interval = bounds(row["low"], row["high"], row["speakers"], reason=row["why_none"])
        mean, corpus = f"{short(row['value'])} {interval}{symbol}", row["test_corpus"]
        value = f"{short(of_seed.get(corpus))}{symbol}"
        yield corpus, row["n"], row["speakers"], cluster_phrase(row), short(guess), value, mean


def _breaches(results: pd.DataFrame, system: str) -> str:
    rows = select(results, "multi_corpus", "free").dropna(subset=["classes"])
    return breach_sentence(rows[rows["system"] == system]).strip()


def _biases(card: Card, corpora: Mapping[str, Corpus], rows: pd.DataFrame) -> Iterable[str]:
    present = [corpora[name] for name in card.corpora if name in corpora]
    languages = sorted({escape_cell(corpus.language) for corpus in present})
    yield f"Languages: {', '.join(languages)}. Others are untested."
    acted = rows["elicitation"].eq("acted").mean() if len(rows) else 0.0
    yield f"{acted:.0%} of the training clips are acted, which is louder and clearer than spontaneous speech."
    if len(rows):
        counts = rows["emotion"].value_counts(normalize=True)
        yield "Classes: " + ", ".join(f"{escape_cell(name)} {counts.get(name, 0.0):.0%}" for name in card.classes) + "."
        genders = rows["gender"].fillna("not stated").value_counts(normalize=True)
        shares = ", ".join(f"{escape_cell(name)} {share:.0%}" for name, share in genders.items())
        yield f"Speakers' gender, by clips: {shares}."
        yield f"{rows['speaker_id'].nunique()} training speakers represent few ages, accents and rooms."
    if never := [name for name in card.classes if not rows["emotion"].eq(name).any()]:
        yield f"Classes without training clips, which are never predicted: {', '.join(map(escape_cell, never))}."
    yield "Corpora differ in class shares and rooms: a model may learn the room instead of the emotion."


def _ancestors(card: Card) -> str:
    names = [
        f"{escape_cell(ancestor.name)} ({', '.join(map(escape_cell, ancestor.corpora))})" for ancestor in card.ancestors
    ]
    if card.is_ensemble:
        return f"Trainings of its members were initialised from {', '.join(names)}." if names else ""
    return f"Its training was initialised from {', then '.join(names)}." if names else ""


def _augmentation(checkpoint: Checkpoint) -> str:
    """The altered copies that the model, or members of an ensemble, were also trained on; empty without any."""
    sections = {model.card.name: model.card.augmentation for model in checkpoint.models if model.card.augmentation}
    texts = []
    for name, section in sections.items():
        subject = escape_cell(name) if checkpoint.card.is_ensemble else "It"
        texts.append(
            f"{subject} was also trained on altered copies of its training recordings, {section.variants} of each. "
            f"A copy has {section.per_variant} of these alterations: {_alterations(section)}."
        )
    return "\n\n".join(texts)


def _alterations(section: Augmentation) -> str:
    """The alterations with their parameters, such as "noise (snr 5 to 20; kinds white, pink)"."""
    texts = []
    for kind, parameters in section.alterations.items():
        values = (f"{name} {', '.join(value) if isinstance(value[0], str) else ' to '.join(map('{:g}'.format, value))}"
                  for name, value in parameters)  # fmt: skip
        texts.append(f"{kind} ({'; '.join(values)})")
    return ", ".join(texts)


def _software(card: Card) -> str:
    git = card.git or {}
    state = f" at commit {git['commit'][:12]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else ""
    return f"MER{state}"
