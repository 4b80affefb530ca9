"""A network as a table of its layers and as a picture."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from mer import files
from mer.models.fusion import Fusion

if TYPE_CHECKING:
    import graphviz

NO_GRAPHVIZ = (
    "No picture: it is drawn by Graphviz, whose program `dot` is not installed "
    "(`conda install graphviz`, `apt install graphviz` or `brew install graphviz`)."
)


def summary(network: Fusion) -> pd.DataFrame:
    """Return the layers that have parameters, in the order in which they are computed; torchinfo runs them to see it.

    Columns: layer (its name in the state dict), type, output (shape; n utterances), parameters. Parameters that belong
    to no layer, such as the learned vectors of missing modalities, come last, with their own shape. The sum of the last
    column is the number of all parameters.
    """
    import torchinfo

    inputs, present = _rows(network)
    found = torchinfo.summary(network, input_data={"inputs": inputs, "present": present}, depth=20, verbose=0)
    names = {id(module): name for name, module in network.named_modules()}
    rows, counted = [], set()
    for info in found.summary_list:
        name = names[id(info.module)]
        if info.is_leaf_layer and info.num_params and info.output_size and name not in counted:
            counted.add(name)
            shape = f"({', '.join(['n', *map(str, info.output_size[1:])])})"
            rows.append((name, info.class_name, shape, info.num_params))
    rows += [
        (name, "Parameter", str(tuple(parameter.shape)), parameter.numel())
        for name, parameter in network.named_parameters()
        if name.rpartition(".")[0] not in counted
    ]
    return pd.DataFrame(rows, columns=["layer", "type", "output", "parameters"])


def drawing(network: Fusion, depth: int = 2) -> "graphviz.Digraph":
    """Return what is computed when all modalities are there, as torchview sees it, ready for Graphviz to draw.

    Args:
        depth: of modules inside modules that are drawn by themselves.
    """
    import torchview

    inputs, _ = _rows(network)
    seen = torchview.draw_graph(network, {"inputs": inputs}, depth=depth, expand_nested=True, mode="eval")
    drawn = seen.visual_graph
    for node, modality in zip(seen.root_container, inputs, strict=True):  # torchview calls each an input-tensor
        start = f"\t{seen.id_dict[node.node_id]} ["
        drawn.body = [x.replace("input-tensor", modality) if x.startswith(start) else x for x in drawn.body]
    return drawn


def picture(network: Fusion, path: str | Path, depth: int = 2) -> str | None:
    """Write a drawing of a network to an SVG or PNG file.

    Returns:
        Why there is no picture, or None where there is one.

    Raises:
        ValueError: the file is to be neither SVG nor PNG.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"{files.to_root(path)}: a picture is .svg or .png")
    if shutil.which("dot") is None:
        return NO_GRAPHVIZ
    with files.replacing(path) as partial:
        partial.write_bytes(drawing(network, depth).pipe(format=path.suffix[1:]))
    return None


def _rows(network: Fusion) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Two rows that have everything."""
    where = next(network.parameters()).device
    inputs = {m: torch.zeros(2, width, device=where) for m, width in network.widths.items()}
    return inputs, {m: torch.ones(2, dtype=torch.bool, device=where) for m in network.widths}
