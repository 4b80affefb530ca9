"""What every fusion network has in common: the modalities it takes, and what it does about a missing one."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mer.models.layers import LayerMean

MODALITIES = ("audio", "video", "text")
"""the order in which networks hold them, whatever the order of `widths`"""


class Fusion(nn.Module):
    """Base of the fusion networks, whose `forward(inputs, present)` begins with `read`.

    Attributes:
        widths: modality -> width of the vectors that it is given.
        fused: modality -> width of the vectors that it fuses: smaller where layers are averaged.
    """

    leaves_out = False
    """whether a missing modality is left out of the fusion, so that nothing has to stand in for its vector"""

    def __init__(self, widths: dict[str, int], missing: str, layers: dict[str, int] | None = None) -> None:
        super().__init__()
        layers = layers or {}
        if not widths or set(widths) - set(MODALITIES) or set(layers) - set(widths):
            raise ValueError(
                f"widths of {sorted(widths)}, layers of {sorted(layers)}; widths takes any of "
                f"{', '.join(MODALITIES)}, at least one, and layers some of these"
            )
        if missing not in ("none", "zeros", "learned"):
            raise ValueError(f"missing is {missing!r}; it may be none, zeros or learned")
        for modality, count in layers.items():
            if count < 1 or widths[modality] % count:
                raise ValueError(f"{modality}: vectors of width {widths[modality]} do not hold {count} equal layers")
        self.missing = missing
        self.widths = {m: widths[m] for m in MODALITIES if m in widths}
        self.fused = {m: width // layers.get(m, 1) for m, width in self.widths.items()}
        self.average = nn.ModuleDict({m: LayerMean(layers[m]) for m in self.widths if m in layers})
        learned = self.fused if missing == "learned" and not self.leaves_out else {}
        self.absent = nn.ParameterDict({m: nn.Parameter(torch.zeros(d)) for m, d in learned.items()})

    def check(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> None:
        """Refuse what `forward` cannot take. Call it once for all rows, outside of any transform.

        `forward` looks at no value, which `torch.func.vmap` forbids and a GPU would have to wait for. Where a modality
        is missing under `none` nevertheless, the logits of that row are NaN.

        Args:
            inputs: modality -> float of shape (..., n, width).
            present: modality -> bool of shape (..., n); None: all are there.

        Raises:
            ValueError: a modality is not given, has another width, or is missing although `missing` is `none`.
        """
        for modality, width in self.widths.items():
            if modality not in inputs or (present is not None and modality not in present):
                raise ValueError(f"{modality} is not given, and the network takes {', '.join(self.widths)}")
            shape = tuple(inputs[modality].shape)
            if len(shape) < 2 or shape[-1] != width:
                raise ValueError(f"{modality} has the shape {shape}; the network takes vectors of width {width}")
            here = None if present is None else present[modality]
            if here is not None and (here.dtype != torch.bool or tuple(here.shape) != shape[:-1]):
                raise ValueError(
                    f"present: {modality} is {here.dtype} of shape {tuple(here.shape)}, not bool of {shape[:-1]}"
                )
            if here is not None and self.missing == "none" and not bool(here.all()):
                count = int((~here).sum())
                raise ValueError(
                    f"{modality} is missing in {count} utterances; training.missing may be zeros or learned"
                )

    def read(
        self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Return the vectors to fuse, and where they are there.

        What was given in place of a missing vector, be it NaN, reaches neither the logits nor a gradient.

        Returns:
            modality -> float of shape (n, fused width), 0 where it is missing; modality -> bool of shape (n, 1), or
            None: all are there.
        """
        values = {m: inputs[m] for m in self.widths}
        here = None if present is None else {m: present[m][:, None] for m in self.widths}
        if here is not None:
            fill = torch.nan if self.missing == "none" else 0.0
            values = {m: torch.where(here[m], x, fill) for m, x in values.items()}
        values = {m: self.average[m](x) if m in self.average else x for m, x in values.items()}
        return values, None if self.missing == "none" else here

    def enter(
        self, layers: Mapping[str, nn.Linear], values: dict[str, Tensor], here: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """Return what each modality's first layer makes of its vectors, and of the learned one where it is missing.

        The same as filling in the learned vector and applying the layer, with the same gradients. But that of the
        learned vector comes from the sum over the rows that it stands for, so that none with respect to every row is
        computed, which would cost as much as the layer itself.

        Args:
            values, here: as from `read`.
        """
        if here is None:
            return {m: layers[m](x) for m, x in values.items()}
        return {m: self._filled(m, layers[m], x, here[m]) for m, x in values.items()}

    def _filled(self, modality: str, layer: nn.Linear, x: Tensor, here: Tensor) -> Tensor:
        if modality not in self.absent:
            return layer(x)
        token = self.absent[modality]
        known = token.detach()
        learns = functional.linear(token - known, layer.weight.detach())  # zeros, with a gradient
        return layer(torch.where(here, x, known)) + torch.where(here, 0.0, learns)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters, learned vectors of missing modalities apart.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith("absent."))
