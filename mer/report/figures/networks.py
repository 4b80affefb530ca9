"""A network as a table of its layers and as a drawing."""

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
    "There is no drawing, because Graphviz is not installed: its program `dot` is missing "
    "(`conda install graphviz`, `apt install graphviz` or `brew install graphviz`)."
)


def summary(network: Fusion) -> pd.DataFrame:
    """Return the layers with parameters in the order of computation, which torchinfo finds by running the network.

    Columns: layer (its name in the state dict), type, output (shape; n utterances), parameters. Parameters of no
    layer, such as the learned vectors of missing modalities, are last, with their own shape. The last column sums to
    the number of all parameters.
    """
    import torchinfo

    inputs, present = _rows(network)
    info = torchinfo.summary(network, input_data={"inputs": inputs, "present": present}, depth=20, verbose=0)
    names = {id(module): name for name, module in network.named_modules()}
    rows, listed = [], set()
    for layer in info.summary_list:
        name = names[id(layer.module)]
        if layer.is_leaf_layer and layer.num_params and layer.output_size and name not in listed:
            listed.add(name)
            shape = f"({', '.join(['n', *map(str, layer.output_size[1:])])})"
            rows.append((name, layer.class_name, shape, layer.num_params))
    rows += [
        (name, "Parameter", str(tuple(parameter.shape)), parameter.numel())
        for name, parameter in network.named_parameters()
        if name.rpartition(".")[0] not in listed
    ]
    return pd.DataFrame(rows, columns=["layer", "type", "output", "parameters"])


def drawing(network: Fusion, depth: int = 2) -> "graphviz.Digraph":
    """Return the computation graph with all modalities present, from torchview, for Graphviz.

    Args:
        depth: number of levels of nested modules that are drawn.
    """
    import torchview

    inputs, _ = _rows(network)
    view = torchview.draw_graph(network, {"inputs": inputs}, depth=depth, expand_nested=True, mode="eval")
    graph = view.visual_graph
    for node, modality in zip(view.root_container, inputs, strict=True):  # torchview calls each an input-tensor
        start = f"\t{view.id_dict[node.node_id]} ["
        graph.body = [x.replace("input-tensor", modality) if x.startswith(start) else x for x in graph.body]
    return graph


def save_drawing(network: Fusion, path: str | Path, depth: int = 2) -> str | None:
    """Save the drawing of a network as an SVG or PNG file.

    Returns:
        The reason if there is no drawing, otherwise None.

    Raises:
        ValueError: The suffix is neither .svg nor .png.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"{files.to_root(path)}: the suffix of a drawing is .svg or .png")
    if shutil.which("dot") is None:
        return NO_GRAPHVIZ
    with files.replacing(path) as partial:
        partial.write_bytes(drawing(network, depth).pipe(format=path.suffix[1:]))
    return None


def _rows(network: Fusion) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Two rows with all modalities."""
    device = next(network.parameters()).device
    inputs = {m: torch.zeros(2, width, device=device) for m, width in network.widths.items()}
    return inputs, {m: torch.ones(2, dtype=torch.bool, device=device) for m in network.widths}
