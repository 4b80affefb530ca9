"""Fusion networks of utterance-level vectors: nothing but modules and shapes.

All are called alike, `network(inputs, present) -> logits`, take any non-empty subset of audio, video and text, and
answer with any of them missing. None looks at the value of a tensor to decide what to do, so that `torch.func` can
differentiate and stack them; what has to be looked at is in `Fusion.check`.

| name          | fuses by                                  | of what is missing, `zeros` or `learned`   |
|---------------|-------------------------------------------|--------------------------------------------|
| `gated`       | a gate for each pair of modalities        | stands in for its vector                   |
| `flexible_at` | gates; a branch for each modality alone   | either: the branch of what is left answers |
| `robust_at`   | a transformer over a token per modality   | either: its token is masked                |
| `attention`   | a sum, weighted for each utterance        | either: it weighs nothing                  |
| `concat`      | one vector after the other                | stands in for its vector                   |

With `none`, nothing may be missing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mer.models.fusion import Fusion

NETWORKS = ("gated", "flexible_at", "robust_at", "attention", "concat")


def build(
    name: str,
    widths: dict[str, int],
    classes: int,
    *,
    hidden: int,
    dropout: float,
    gate: str = "sigmoid",
    missing: str = "none",
    layers: dict[str, int] | None = None,
) -> "Fusion":
    """Return an untrained network; its first weights come from torch's global generator.

    Args:
        name: one of `NETWORKS`.
        widths: modality -> width of its vectors, any non-empty subset of audio, video, text.
        hidden: published with 32, 64 and 128 (gated), 128 (flexible_at) and 256 (robust_at).
        gate: `sigmoid` or `softmax`; of `gated` and `flexible_at`.
        missing: `none`, `zeros` or `learned`; what each network makes of it is in the table above.
        layers: modality -> how many layers of an encoder its vectors hold, one after the other; their weighted mean
            is learned (`LayerMean`).

    Raises:
        ValueError: a name that there is not, or sizes that do not go together.

    >>> build("concat", {"audio": 6, "text": 4}, 7, hidden=8, dropout=0.1).classify
    Linear(in_features=8, out_features=7, bias=True)
    """
    common = {"hidden": hidden, "dropout": dropout, "missing": missing, "layers": layers}
    match name:
        case "gated":
            from mer.models.gated import GatedFusion

            return GatedFusion(widths, classes, gate=gate, **common)
        case "flexible_at":
            from mer.models.flexible_at import FlexibleAT

            return FlexibleAT(widths, classes, gate=gate, **common)
        case "robust_at":
            from mer.models.robust_at import RobustAT

            return RobustAT(widths, classes, **common)
        case "attention":
            from mer.models.attention import AttentionFusion

            return AttentionFusion(widths, classes, **common)
        case "concat":
            from mer.models.concat import ConcatFusion

            return ConcatFusion(widths, classes, **common)
        case _:
            raise ValueError(f"there is no network {name!r}; there are {', '.join(NETWORKS)}")
