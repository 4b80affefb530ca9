"""The named inputs of a network, in the order in which it takes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MODALITIES = ("audio", "video", "text")
"""The order of modalities in networks. Published weights depend on it."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a network, ordered by modality as in `MODALITIES`, and within a modality as in `widths`.

    Attributes:
        widths: input -> width of its vectors, at least one.
        modalities: input -> its modality; may be left out for inputs that are named after one.
        layers: input -> number of encoder layers that its vectors hold one after the other.
        frames: input -> number of frames that its vectors hold one after the other, each with all its layers; their
            own number of frames follows (`FrameAttention`).
        missing: `none` (no input may be missing), `zeros`, or `learned` (a learned vector replaces a missing one).

    Raises:
        ValueError: a modality is unknown, or sizes do not fit together.
    """

    widths: Mapping[str, int]
    modalities: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, int] = field(default_factory=dict)
    missing: str = "none"
    frames: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        modalities = {name: self.modalities.get(name, name) for name in self.widths}
        if not self.widths or set(modalities.values()) - set(MODALITIES) or set(self.layers) - set(self.widths):
            raise ValueError(
                f"widths of {sorted(self.widths)}, layers of {sorted(self.layers)}; a network takes at least one "
                f"input, each of a modality among {', '.join(MODALITIES)}, and layers of some of these"
            )
        if self.missing not in ("none", "zeros", "learned"):
            raise ValueError(f"missing is {self.missing!r}; it may be none, zeros or learned")
        for name, count in self.layers.items():
            if count < 1 or (self.widths[name] - (name in self.frames)) % count:
                raise ValueError(f"{name}: vectors of width {self.widths[name]} do not hold {count} equal layers")
        order = sorted(self.widths, key=lambda name: MODALITIES.index(modalities[name]))
        object.__setattr__(self, "widths", {name: self.widths[name] for name in order})
        object.__setattr__(self, "modalities", {name: modalities[name] for name in order})
