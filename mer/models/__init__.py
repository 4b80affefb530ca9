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

from mer.params.systems import Network

if TYPE_CHECKING:
    from mer.models.fusion import Fusion

NETWORKS: tuple[str, ...] = get_args(Network)
"""The names of the networks. Each is a module of this package, whose `NETWORK` is the class."""


def build(
    name: str,
    widths: dict[str, int],
    classes: int,
    *,
    modalities: dict[str, str] | None = None,
    hidden: int,
    dropout: float,
    gate: str = "sigmoid",
    missing: str = "none",
    layers: dict[str, int] | None = None,
) -> "Fusion":
    """Return an untrained network; its initial weights are drawn from torch's global generator.

    Args:
        name: one of `NETWORKS`.
        widths: input -> width of its vectors, at least one.
        modalities: input -> its modality; may be left out for inputs that are named after one.
        hidden: published with 32, 64 and 128 (gated), 128 (flexible_at) and 256 (robust_at).
        gate: `sigmoid` or `softmax`; used by `gated` and `flexible_at`.
        missing: `none`, `zeros` or `learned`, see the table above.
        layers: input -> number of encoder layers that its vectors hold one after the other; their weighted mean is
            learned (`LayerMean`).

    Raises:
        ValueError: the network does not exist, or sizes do not fit together.

    >>> build("concat", {"audio": 6, "text": 4}, 7, hidden=8, dropout=0.1).classify
    Linear(in_features=8, out_features=7, bias=True)
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}; there are {', '.join(NETWORKS)}")
    from mer.models.fusion import Inputs

    network = import_module(f"mer.models.{name}").NETWORK
    inputs = Inputs(widths, modalities or {}, layers or {}, missing)
    options = {"gate": gate} if network.has_gate else {}
    return network(inputs, classes, hidden=hidden, dropout=dropout, **options)
