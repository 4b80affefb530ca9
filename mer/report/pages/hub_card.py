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
TRANSFORMERS = "```python\nfrom transformers import AutoModel\n\nencoder = AutoModel.from_pretrained(FOLDER)\n```"
"""How transformers reads an encoder."""


def encoder_card(checkpoint: Checkpoint, name: str, results: pd.DataFrame) -> str:
    """Return the README of a trained encoder in Markdown, with the model's scores on test speakers as `model-index`.

    Args:
        checkpoint: the folder of the model.
        name: the input whose encoder it is.
        results: results of its study, tidy (mer/evaluation/scores/scores.py).
    """
    card, section = checkpoint.card, (checkpoint.card.extraction or {}).get(name, {})
    of_faces = card.modalities[name] == "video"
    base = section.get("weights" if of_faces else "model", "")
    library, code = _of_faces(section.get("extractor", "")) if of_faces else ("transformers", TRANSFORMERS)
    metadata: dict[str, Any] = {"library_name": library, "tags": ["emotion-recognition", "mer"]}
    if any(entry.get("input") == name and entry.get("place") == "hub" for entry in card.encoders or ()):
        metadata["base_model"] = base
    metadata["model-index"] = [{"name": card.name, "results": _results(checkpoint, card.modalities[name], results)}]
    return (
        f"{_front(metadata)}\n# Encoder of {name}, {card.name}\n\n"
        f"Trained from `{base}` on {', '.join(card.training_corpora)} together with a fusion network of "
        f"{', '.join(card.inputs)}. The scores are those of the whole model in the folder above, whose README states "
        "training data, intended use and limitations.\n\n"
        f"{code}\n"
    )


def _of_faces(extractor: str) -> tuple[str, str]:
    """Return the library that has the network of an extractor of faces, and how its tensors are read."""
    lines = {
        "resnet50": ("torchvision", "import torch\nfrom safetensors.torch import load_file\n"
                     "from torchvision.models import resnet50\n\nencoder = resnet50()\n"
                     "encoder.fc = torch.nn.Identity()  # 2,048 features of a face\n"
                     'encoder.load_state_dict(load_file("model.safetensors"))'),
        "emo_affectnet": ("mer", "from safetensors.torch import load_file\n"
                          "from mer.features.video.emo_affectnet_network import EmoAffectNet\n\n"
                          'tensors = load_file("model.safetensors")\n'
                          'encoder = EmoAffectNet(len(tensors["fc2.bias"]))\nencoder.load_state_dict(tensors)\n'
                          "# encoder.embed(faces): 512 features of a face. The classifier `fc2` is not trained."),
    }  # fmt: skip
    library, code = lines[extractor]
    return library, f"It reads faces in 224 × 224 pixels.\n\n```python\n{code}\n```"


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
