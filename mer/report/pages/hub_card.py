"""What the Hugging Face hub reads of a README: metadata with scores as `model-index`, of models and encoders."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import yaml

from mer.corpora import Corpus
from mer.training.checkpoints.folder import Checkpoint

TASKS = {"audio": ("audio-classification", "Speech emotion recognition"),
         "text": ("text-classification", "Emotion recognition in text"),
         "video": ("video-classification", "Emotion recognition in video")}  # fmt: skip
"""Modality -> type and name of the task, as the hub calls it."""


def encoder_card(checkpoint: Checkpoint, name: str, results: pd.DataFrame) -> str:
    """Return the README of a trained encoder in Markdown, with the model's scores on test speakers as `model-index`.

    Args:
        checkpoint: the folder of the model.
        name: the input whose encoder it is.
        results: results of its study, tidy (mer/evaluation/scores/scores.py).
    """
    card = checkpoint.card
    base = (card.extraction or {}).get(name, {}).get("model", "")
    metadata: dict[str, Any] = {"library_name": "transformers", "tags": ["emotion-recognition", "mer"]}
    if any(entry.get("input") == name and entry.get("place") == "hub" for entry in card.encoders or ()):
        metadata["base_model"] = base
    metadata["model-index"] = [{"name": card.name, "results": _results(checkpoint, card.modalities[name], results)}]
    return (
        f"{_front(metadata)}\n# Encoder of {name}, {card.name}\n\n"
        f"Trained from `{base}` on {', '.join(card.training_corpora)} together with a fusion network of "
        f"{', '.join(card.inputs)}. The scores are those of the whole model in the folder above, whose README states "
        "training data, intended use and limitations.\n\n"
        "```python\nfrom transformers import AutoModel\n\nencoder = AutoModel.from_pretrained(FOLDER)\n```\n"
    )


def model_metadata(checkpoint: Checkpoint, results: pd.DataFrame, corpora: Sequence[Corpus]) -> str:
    """Return the metadata of a model's README: a block of YAML that the hub reads, with scores as `model-index`.

    The licence is that of the training corpora, which differ: the README lists them.

    Args:
        checkpoint: the folder of the model.
        results: results of its study, tidy (mer/evaluation/scores/scores.py).
        corpora: the training corpora.
    """
    card = checkpoint.card
    modality = next(name for name in TASKS if name in card.modalities.values())
    bases = sorted({str(entry["name"]) for entry in card.encoders or () if entry.get("place") == "hub"})
    metadata: dict[str, Any] = {
        "library_name": "mer",
        "license": "other",
        "license_name": "terms-of-the-training-corpora",
        "license_link": "README.md",
        "language": sorted({corpus.language for corpus in corpora if corpus.language}),
        "pipeline_tag": TASKS[modality][0],
        "tags": ["emotion-recognition", "mer", "onnx", card.model],
        "metrics": ["recall"],
    }
    if bases:
        metadata["base_model"] = bases
    if own := _results(checkpoint, modality, results):
        metadata["model-index"] = [{"name": card.name, "results": own}]
    return _front(metadata) + "\n"


def _front(metadata: dict[str, Any]) -> str:
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)}---\n"


def _results(checkpoint: Checkpoint, modality: str, results: pd.DataFrame) -> list[dict[str, Any]]:
    card = checkpoint.card
    kind, task = TASKS[modality]
    own = results[(results["system"] == card.system) & (results["protocol"] == "multi_corpus")
                  & (results["answers"] == "free") & (results["metric"] == "UAR")]  # fmt: skip
    own = own[own["seed"].eq(card.seed).fillna(False)]
    return [
        {
            "task": {"type": kind, "name": task},
            "dataset": {"type": str(row.test_corpus), "name": str(row.test_corpus), "split": "test"},
            "metrics": [{"type": "recall", "name": "UAR, free predictions", "value": round(float(row.value), 4)}],
        }
        for row in own.itertuples()
    ]
