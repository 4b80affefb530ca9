"""Scores of predictions that were made elsewhere, with the intervals, tests and tables of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from mer import corpora, files
from mer.api import foreign_predictions
from mer.dataset.manifest import schema
from mer.evaluation.comparison import comparison
from mer.evaluation.scores import class_scores, scores
from mer.evaluation.scores.confusions import Cluster, Scoring

STUDY = "external"
"""The value of the column `study` of the results."""


def score(
    predictions: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
    reference: str | None = None,
    confidence: float = 0.95,
) -> "Scores":
    """Return the scores of predictions that were made elsewhere, computed as those of a study.

    The table has a row per utterance: the true label, the predicted label or a probability of each class (`p_CLASS`),
    and the speaker. Columns `corpus`, `system`, `seed`, `id`, `dialogue`, `family`, `protocol` and `train_corpora` are
    optional. With several systems, each is compared with the reference on the same utterances. A column `deterministic`
    that is True says that a training has one solution, so that one seed is enough for a verdict on systems. Chance is
    that of a choice among all classes, unless `protocol` is `in_corpus`.

    Args:
        predictions: a table, or the path of one in CSV, TSV or Parquet.
        columns: MER's name of a column (`true`, `predicted`, `speaker`, `corpus`, …) -> the table's name, if it is not
            recognised.
        classes: the classes among which the systems choose; by default all that occur in the table.
        reference: the system with which others are compared; by default the first one in the table.
        confidence: of the intervals, in (0, 1).

    Raises:
        PredictionTableError: a column is missing, or a value is no class, label or probability.
        PredictionError: an utterance has two predictions of one system and seed, or seeds have different utterances.

    >>> import mer, pandas as pd
    >>> table = pd.DataFrame({"true": ["anger", "neutral"] * 6, "predicted": ["anger", "neutral", "anger"] * 4,
    ...                       "speaker": list("aabbccddaabb")})
    >>> result = mer.score(table)
    >>> row = result.uar.iloc[0]
    >>> print(f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}], chance {row['chance']}")
    0.50 [0.12, 0.88], chance 0.5
    """
    rows, own_classes = foreign_predictions.read(predictions, columns, classes)
    scoring = Scoring(own_classes, clusters(rows), confidence)
    systems = list(dict.fromkeys(rows["system"]))
    if reference is not None and reference not in systems:
        raise ValueError(f"reference: {reference!r} is none of the systems {', '.join(systems)}")
    return Scores(rows, scoring, scores.score(rows, scoring, study=STUDY), reference or systems[0])


def clusters(rows: pd.DataFrame) -> dict[str, Cluster]:
    """Return the columns over which the intervals of each corpus are computed.

    They are those of a study if the corpus is in MER's catalogue. The intervals of another corpus are over speakers,
    and over dialogues, too, if all of its rows name one.
    """
    result: dict[str, Cluster] = {}
    for corpus, part in rows.groupby("test_corpus"):
        dialogues = part["dialogue_id"].notna().all()
        own = corpora.CORPORA[corpus].cluster if corpus in corpora.CORPORA else None
        both = ("speaker_id", "dialogue_id") if dialogues else "speaker_id"
        result[corpus] = own if own is not None and (dialogues or own == "speaker_id") else both
    return result


@dataclass(frozen=True)
class Scores:
    """Scores of predictions.

    Attributes:
        predictions: a row per prediction, with the columns of a study's predictions.
        scoring: classes, clusters and confidence.
        results: every score (outputs/README.md describes the columns).
        reference: the system with which others are compared.
    """

    predictions: pd.DataFrame = field(repr=False)
    scoring: Scoring
    results: pd.DataFrame = field(repr=False)
    reference: str

    @property
    def uar(self) -> pd.DataFrame:
        """The UAR of each system on each corpus, with its interval; the mean over seeds."""
        rows = self.results[(self.results["metric"] == "UAR") & self.results["seed"].isna()]
        names = ["system", "protocol", "test_corpus", "answers", "value", "low", "high", "chance", "p_chance", "n",
                 "speakers", "n_seeds", "why_none"]  # fmt: skip
        return rows[names].reset_index(drop=True)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Each system compared with the reference, as in notebook 07; without rows if there is one system."""
        tables = [
            comparison.compare(self.predictions, self.scoring, self.reference, protocol=protocol)
            for protocol in sorted(set(self.predictions["protocol"]))
            if not comparison.reason_against(self.predictions, self.reference, protocol)
        ]
        return pd.concat(tables, ignore_index=True) if tables else comparison.empty()

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """The confusion matrix of each system on each corpus."""
        return self._by_system(lambda part: class_scores.confusion_table(part, self.scoring.classes))

    @cached_property
    def class_scores(self) -> pd.DataFrame:
        """Precision, recall, F1 and support of each class."""
        table = self.confusion
        return pd.concat(
            [class_scores.class_scores(part.drop(columns="system")).assign(system=system)
             for system, part in table.groupby("system", sort=False)], ignore_index=True,
        )  # fmt: skip

    def write(self, folder: str | Path) -> Path:
        """Write the scores as tables and as a page with figures, and return the path of the page.

        Args:
            folder: the folder, which is created.
        """
        from mer.report.pages import scores_page

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        schema.save(self.results, folder / "results.parquet")
        for name in ("results", "comparisons", "confusion", "class_scores"):
            files.write_text(folder / f"{name}.csv", getattr(self, name).to_csv(index=False))
        return scores_page.write(folder, self.results, self.comparisons, self.confusion, 1 - self.scoring.confidence)

    def _repr_html_(self) -> str:
        return self.uar.round(3).to_html(index=False)

    def _by_system(self, function) -> pd.DataFrame:
        parts = self.predictions.groupby("system", sort=False)
        return pd.concat([function(part).assign(system=system) for system, part in parts], ignore_index=True)
