"""A checkpoint as an ONNX file."""

import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer import files
from mer.features import Features
from mer.training.checkpoints import checkpoint as checkpoints
from mer.training.checkpoints.folder import Checkpoint

if TYPE_CHECKING:
    from mer.training.onnx.graph import Graph

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""The packages of the extra `onnx`."""
OPSET = 20
"""The version of ONNX's operators that files use."""


def require_packages() -> None:
    """Check that the packages of the extra `onnx` are installed.

    Raises:
        MissingPackage: names the first that is missing, and the command that installs it.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise files.MissingPackage(
            f'{missing[0]} is not installed: pip install -c constraints.txt -e ".[onnx]"', name=missing[0]
        )


def present_name(name: str) -> str:
    """Return the name of the tensor that says which rows have an input."""
    return f"{name}_present"


def export(folder: Path, path: Path) -> Checkpoint:
    """Write the ONNX file of a checkpoint, and return the checkpoint.

    Its tensors are `NAME`, float32 of shape (n, width), and `NAME_present`, bool of shape (n,), for each input, and
    `probabilities`, float32 of shape (n, classes). Metadata of the file: classes, inputs, card_sha256.

    Raises:
        MissingPackage: the extra `onnx` is not installed.
        NotExportable: the model has no form in ONNX.
        CheckpointError: as for `checkpoint.load`.
    """
    require_packages()
    from mer.training.onnx.graph import Graph

    model, stored = checkpoints.load(folder)
    program = _program(Graph(model, stored).eval(), stored)
    card = stored.card
    metadata = {"classes": card.classes, "inputs": card.inputs, "card_sha256": files.digest_file(folder / "model.json")}
    for name, value in metadata.items():
        program.model.metadata_props[name] = value if isinstance(value, str) else json.dumps(value)
    with files.replacing(path) as partial:
        program.save(partial)
    return stored


def _program(graph: "Graph", stored: Checkpoint):
    """The exported program, with a free number of rows."""
    import torch

    card, rows = stored.card, 3  # a number that no dimension is likely to have, as the exporter merges equal ones
    vectors = [torch.zeros(rows, card.widths[name]) for name in card.inputs]
    present = [torch.ones(rows, dtype=torch.bool) for _ in card.inputs]
    free = torch.export.Dim("rows", min=1)
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own, about its other libraries
            return torch.onnx.export(
                graph, (vectors, present), dynamo=True, verbose=False, opset_version=OPSET, external_data=False,
                input_names=[*card.inputs, *map(present_name, card.inputs)], output_names=["probabilities"],
                dynamic_shapes=([{0: free} for _ in vectors], [{0: free} for _ in present]),
            )  # fmt: skip
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def run(path: Path, features: Features, rows: np.ndarray) -> np.ndarray:
    """Return the probabilities that onnxruntime computes with a file; float32 of shape (len(rows), classes).

    Args:
        path: a file as from `export`.
        features: the vectors, not yet scaled.
        rows: row numbers.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = json.loads(session.get_modelmeta().custom_metadata_map["inputs"])
    feeds = {name: np.asarray(features.arrays[name][rows], np.float32) for name in inputs}
    feeds |= {present_name(name): np.asarray(features.present[name][rows]) for name in inputs}
    wanted = {one.name for one in session.get_inputs()}  # one that no result depends on may be gone
    return session.run(["probabilities"], {name: values for name, values in feeds.items() if name in wanted})[0]
