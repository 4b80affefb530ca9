"""The models of a finished run as folders that can be pushed to the Hugging Face hub, with an ONNX file each.

A folder is a copy of the checkpoint, so that `mer.predict` reads it. Added are a card with metadata (`README.md`),
`model.onnx`, `front_end.json`, which says how vectors are made, and `citations.bib`.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import features, files
from mer.corpora import Corpus
from mer.dataset.manifest import schema
from mer.features import Features
from mer.params.schema import Params
from mer.report.export import bibtex
from mer.report.pages.hub_card import model_metadata
from mer.training.checkpoints.encoder_folders import trained_inputs
from mer.training.checkpoints.folder import Checkpoint, open_checkpoint
from mer.training.onnx import check, export, front_end
from mer.training.onnx.graph import NotExportable

FOLDERS = ("checkpoints", "finetuned")
"""The folders of a run that hold checkpoints."""
ONNX, FRONT_END = "model.onnx", "front_end.json"
"""The names of the ONNX file and of the description of its front end."""


@dataclass(frozen=True)
class FinishedModels:
    """What model folders are made from.

    Attributes:
        run: the run folder.
        study: its parameters.
        manifest: all rows.
        results: every score, tidy (mer/evaluation/scores/scores.py).
        corpora: the corpora of the study.
    """

    run: Path
    study: Params
    manifest: pd.DataFrame
    results: pd.DataFrame
    corpora: Mapping[str, Corpus]


def write(folder: Path, models: FinishedModels) -> Iterator[str]:
    """Write a folder per model, and yield a line about each.

    Args:
        folder: the folder, in which a folder per model is created.
        models: the run.
    """
    for parent in FOLDERS:
        for card in sorted((models.run / parent).glob("*/model.json")):
            yield f"{card.parent.name}: {_write_model(folder / card.parent.name, card.parent, models)}"


def _write_model(out: Path, folder: Path, models: FinishedModels) -> str:
    """Write the folder of a model; return the sentence about its ONNX file."""
    stored = open_checkpoint(folder)
    shutil.copytree(folder, out, dirs_exist_ok=True, ignore=_links)
    own = [models.corpora[name] for name in stored.card.corpora if name in models.corpora]
    bibtex.write(out, models.study, own)
    files.write_json(out / FRONT_END, front_end.describe(stored))
    sentence = _write_onnx(out, folder, stored, models)
    body = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else ""
    text = model_metadata(stored, models.results, own) + body + _section(out, stored, sentence)
    files.write_text(out / "README.md", text)
    return sentence


def _links(folder: str, names: list[str]) -> list[str]:
    """The links among some files. They are not followed: what they lead to might be private, and be published."""
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _write_onnx(out: Path, folder: Path, stored: Checkpoint, models: FinishedModels) -> str:
    (out / ONNX).unlink(missing_ok=True)
    try:
        export.export(folder, out / ONNX)
        return check.difference(folder, out / ONNX, _vectors(stored, models)).sentence()
    except (NotExportable, files.MissingPackage) as error:
        return f"There is no ONNX file: {error}."


def _vectors(stored: Checkpoint, models: FinishedModels) -> Features | None:
    """The run's vectors as the model reads them; None if they are not in the feature store any more."""
    card, inputs = stored.card, models.run / "data/inputs.parquet"
    if trained_inputs(card) or not inputs.is_file():
        return None
    keys = features.read_keys(inputs, schema.usable(models.manifest)["utterance_id"])
    if set(card.inputs) - set(keys):
        return None
    try:
        loaded = features.load({name: keys[name] for name in card.inputs},
                               files.from_root(models.study.data.store), card.features)  # fmt: skip
    except (features.MissingVectors, FileNotFoundError):
        return None
    rows = np.flatnonzero(stored.predictable(loaded.present))
    if not len(rows):
        return None
    rows = rows[np.linspace(0, len(rows), min(check.MAX_ROWS, len(rows)), endpoint=False).astype(int)]
    arrays = {name: np.array(loaded.arrays[name][rows]) for name in card.inputs}
    return Features(arrays, {name: loaded.present[name][rows] for name in card.inputs}, loaded.extractors, card.layers,
                    card.modalities, card.frames)  # fmt: skip


def _section(out: Path, stored: Checkpoint, sentence: str) -> str:
    """The part of the card about the files that are added."""
    calls = "\n".join(f"# {entry['tensor']}: {entry['python']}" for entry in files.read_json(out / FRONT_END)["inputs"])
    encoders = "".join(f" The vectors of `{name}` are those of its trained encoder, `encoders/{name}/`."
                       for name in trained_inputs(stored.card))  # fmt: skip
    lines = [
        "\n## ONNX\n",
        f"`{ONNX}` goes from feature vectors to class probabilities. `{FRONT_END}` says how the vectors are made."
        f"{encoders} {sentence}\n",
    ]
    if (out / ONNX).is_file():
        lines += ["```python", "import onnxruntime", "", calls,
                  f'session = onnxruntime.InferenceSession("{ONNX}")',
                  "feeds = {one.name: … for one in session.get_inputs()}  # float32 (n, width), bool (n,)",
                  "[probabilities] = session.run(None, feeds)", "```\n"]  # fmt: skip
    return "\n".join([*lines, f"References in BibTeX: `{bibtex.NAME}`.\n"])
