"""The base of all fusion networks: their named inputs, and the treatment of missing ones."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mer.acceleration.autograd import linear_with_substitute
from mer.models.frame_attention import FrameAttention
from mer.models.inputs import MODALITIES, Inputs
from mer.models.layer_mean import LayerMean


class Fusion(nn.Module):
    """Base of the fusion networks.

    A network is built by `Network(inputs, classes, hidden=…, dropout=…)`, with `gate=…` if `has_gate` is true. Its
    `forward(inputs, present)` begins with `prepare_inputs`, and its dropout layers are `random_numbers.Dropout`.

    Attributes:
        widths: input -> width of its vectors, in the network's order.
        modalities: input -> its modality, in the network's order.
        fused: key -> width of the vectors that are fused, which is smaller if layers are averaged. Modules and
            parameters of an input are stored under its key (`module_key`).
    """

    handles_missing = False
    """Whether the fusion leaves out a missing input, so that nothing has to replace its vector."""
    has_gate = False
    """Whether the network takes the parameter `gate`."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.missing, self.widths, self.modalities = inputs.missing, dict(inputs.widths), dict(inputs.modalities)
        layers = {module_key(name): count for name, count in inputs.layers.items()}
        self.keys = {name: module_key(name) for name in self.widths}
        frames = {module_key(name): count for name, count in inputs.frames.items()}
        self.fused = {self.keys[name]: width // inputs.layers.get(name, 1) // inputs.frames.get(name, 1)
                      for name, width in self.widths.items()}  # fmt: skip
        pooled = {key: LayerMean(layers[key]) for key in self.fused if key in layers and key not in frames}
        pooled |= {k: FrameAttention(count, layers.get(k, 1), self.fused[k]) for k, count in frames.items()}
        self.average = nn.ModuleDict({key: pooled[key] for key in self.fused if key in pooled})
        learned = self.fused if self.missing == "learned" and not self.handles_missing else {}
        self.absent = nn.ParameterDict({key: nn.Parameter(torch.zeros(width)) for key, width in learned.items()})

    def check(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> None:
        """Refuse rows that `forward` cannot take. Call it once for all rows, outside any transform.

        If an input is missing although `missing` is `none`, `forward` returns NaN for that row.

        Args:
            inputs: input -> float of shape (..., n, width).
            present: input -> bool of shape (..., n); None: all are present.

        Raises:
            ValueError: an input is not passed, has another width, or is missing although `missing` is `none`.
        """
        for name, width in self.widths.items():
            if name not in inputs or (present is not None and name not in present):
                raise ValueError(f"{name} is not passed, and the network takes {', '.join(self.widths)}")
            shape = tuple(inputs[name].shape)
            if len(shape) < 2 or shape[-1] != width:
                raise ValueError(f"{name} has the shape {shape}; the network takes vectors of width {width}")
            if present is not None:
                self._check_present(name, present[name], shape[:-1])

    def _check_present(self, name: str, present: Tensor, shape: tuple[int, ...]) -> None:
        if present.dtype != torch.bool or tuple(present.shape) != shape:
            raise ValueError(f"present: {name} is {present.dtype} of shape {tuple(present.shape)}, not bool of {shape}")
        if self.missing == "none" and not bool(present.all()):
            count = int((~present).sum())
            raise ValueError(f"{name} is missing in {count} utterances; training.missing may be zeros or learned")

    def prepare_inputs(
        self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Return the vectors to fuse, and where they are present.

        Values that stand in place of a missing vector, even NaN, affect neither logits nor gradients.

        Returns:
            key -> float of shape (n, fused width), 0 if missing; key -> bool of shape (n, 1), or None: all are present.
        """
        values = {key: inputs[name] for name, key in self.keys.items()}
        mask = None if present is None else {key: present[name][:, None] for name, key in self.keys.items()}
        if mask is not None:
            fill = torch.nan if self.missing == "none" else 0.0
            values = {key: torch.where(mask[key], x, fill) for key, x in values.items()}
        values = {key: self.average[key](x) if key in self.average else x for key, x in values.items()}
        return values, None if self.missing == "none" else mask

    def first_layer(
        self, layers: Mapping[str, nn.Linear], values: dict[str, Tensor], present: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """Return the output of each input's first layer, applied to the learned vector if the input is missing.

        Args:
            layers: key -> layer.
            values, present: as from `prepare_inputs`.
        """
        if present is None or not self.absent:
            return {key: layers[key](x) for key, x in values.items()}
        return {
            key: linear_with_substitute(layers[key], x, present[key], self.absent[key]) for key, x in values.items()
        }


def module_key(name: str) -> str:
    """Return the name of an input's modules. It never is an attribute of `nn.ModuleDict`, such as `keys`.

    >>> module_key("audio"), module_key("keys")
    ('audio', 'input_keys')
    """
    return name if name in MODALITIES else f"input_{name}"


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters, without the learned vectors of missing inputs.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith("absent."))
