"""Fusion networks of utterance-level vectors: modules and shapes.

Every network is called as `network(inputs, present) -> logits`, takes any number of named inputs, and predicts if some
of them are missing. `forward` contains no branch on tensor values, which `torch.func` requires. `Fusion.check`
validates the inputs before.

| name          | fuses by                               | a missing input, with `zeros` or `learned`        |
|---------------|----------------------------------------|---------------------------------------------------|
| `gated`       | a gate for each pair of inputs         | is replaced by zeros or by a learned vector       |
| `flexible_at` | gates; a branch for each single input  | both: the branch of the present inputs is used    |
| `robust_at`   | a transformer over one token per input | both: its token is masked                         |
| `attention`   | a weighted sum per utterance           | both: its weight is 0                             |
| `concat`      | concatenation                          | is replaced by zeros or by a learned vector       |

With `none`, no input may be missing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, get_args

from mer.models.inputs import Inputs
from mer.params.systems import Network

if TYPE_CHECKING:
    from mer.models.fusion import Fusion

NETWORKS: tuple[str, ...] = get_args(Network)
"""The names of the networks. Each is a module of `mer/models/networks`, whose `NETWORK` is the class."""


def build(
    name: str, inputs: Inputs, classes: int, *, hidden: int, dropout: float, gate: str = "sigmoid"
) -> "Fusion":  # fmt: skip
    """Return an untrained network; its initial weights are drawn from torch's global generator.

    Args:
        name: one of `NETWORKS`.
        inputs: names, widths and modalities of the inputs, and what replaces a missing one.
        classes: number of classes.
        hidden: published with 32, 64 and 128 (gated), 128 (flexible_at) and 256 (robust_at).
        dropout: share of the values that is dropped in training, in [0, 1).
        gate: `sigmoid` or `softmax`; used by `gated` and `flexible_at`.

    Raises:
        ValueError: the network does not exist, or sizes do not fit together.

    >>> build("concat", Inputs({"audio": 6, "text": 4}), 7, hidden=8, dropout=0.1).classify
    Linear(in_features=8, out_features=7, bias=True)
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}; there are {', '.join(NETWORKS)}")
    network = import_module(f"mer.models.networks.{name}").NETWORK
    options = {"gate": gate} if network.has_gate else {}
    return network(inputs, classes, hidden=hidden, dropout=dropout, **options)
