"""FlexibleAT of the audio and text fork: gated fusion with a branch for each single input."""

import torch
from torch import Tensor, nn

from mer.acceleration.autograd import normed_linear
from mer.models.fusion import Fusion
from mer.models.inputs import Inputs
from mer.models.networks.gated import Gate, pairs
from mer.models.random_numbers import Dropout
from mer.models.swiglu import SwiGLU


class FlexibleAT(Fusion):
    """Gate the present inputs in pairs; a single present input has its own branch.

        x'_m   = D(P_m LN(x_m) + p_m)                               (n, d_m)
        h      = S(LN(mean over the present pairs of G(x'_i, x'_j)))  (n, g), if two inputs or more are present
        h      = S_m(x'_m)                                          (n, g), if only m is present
        logits = C D(h) + c                                         (n, classes)

    D is dropout, G a `Gate`, S and S_m are `SwiGLU`. Each row takes the branch of its present inputs; a row without any
    has h = 0. With audio and text this is the fork's network (Vally16768/MER @ c83d916, whose branch is chosen for the
    whole training instead, and whose gate is a softmax): one pair, gate(text, audio). The mean over pairs extends it to
    more inputs. 1,128,039 parameters with g = 128, 7 classes and widths of 160 and 768, both branches included. A
    branch is trained only by rows that take it, which modality dropout makes.

    Args:
        inputs: names, widths and modalities. `zeros` and `learned` are equivalent: nothing is filled in.
        hidden: g.
    """

    handles_missing = True
    has_gate = True

    def __init__(
        self, inputs: Inputs, classes: int, hidden: int = 128, dropout: float = 0.1, gate: str = "sigmoid"
    ) -> None:
        super().__init__(inputs)
        widths = self.fused
        self.norm = nn.ModuleDict({m: nn.LayerNorm(d) for m, d in widths.items()})
        self.project = nn.ModuleDict({m: nn.Linear(d, d) for m, d in widths.items()})
        self.pairs = pairs({self.keys[name]: modality for name, modality in self.modalities.items()})
        self.gates = nn.ModuleList(Gate(widths[a], widths[b], hidden, gate) for a, b in self.pairs)
        self.merge = nn.Sequential(nn.LayerNorm(hidden), SwiGLU(hidden, hidden)) if self.pairs else None
        self.alone = nn.ModuleDict({m: SwiGLU(d, hidden) for m, d in widths.items()})
        self.classify = nn.Linear(hidden, classes)
        self.drop = nn.ModuleDict({m: Dropout(d, dropout) for m, d in (*widths.items(), ("merged", hidden))})
        for weight in (p for p in self.parameters() if p.dim() == 2):
            nn.init.xavier_uniform_(weight)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: input -> float of shape (n, width).
            present: input -> bool of shape (n,); None: all are present.
        """
        values, present = self.prepare_inputs(inputs, present)  # (n, d_m) and (n, 1) per input
        projected = {m: normed_linear(self.norm[m], self.project[m], x) for m, x in values.items()}  # (n, d_m)
        x = {m: self.drop[m](value) for m, value in projected.items()}  # (n, d_m)
        h = self._all_present(x) if present is None else self._some_present(x, present)  # (n, g)
        return self.classify(self.drop["merged"](h))  # (n, classes)

    def _all_present(self, x: dict[str, Tensor]) -> Tensor:
        """h if no row lacks an input; shapes (n, d_m) -> (n, g)."""
        if self.merge is None:
            return self._single(x)[0]
        gated = self._gated(x)
        return self.merge(sum(gated[1:], gated[0]) / len(gated))

    def _some_present(self, x: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        """h of each row's branch; shapes (n, d_m), (n, 1) -> (n, g)."""
        h = _mean(self._single(x), list(present.values()))
        if self.merge is None:
            return h
        both = [present[a] & present[b] for a, b in self.pairs]  # (n, 1) per pair
        return torch.where(torch.stack(both).any(dim=0), self.merge(_mean(self._gated(x), both)), h)

    def _gated(self, x: dict[str, Tensor]) -> list[Tensor]:
        return [gate(x[a], x[b]) for gate, (a, b) in zip(self.gates, self.pairs, strict=True)]

    def _single(self, x: dict[str, Tensor]) -> list[Tensor]:
        return [self.alone[m](value) for m, value in x.items()]


def _mean(vectors: list[Tensor], present: list[Tensor]) -> Tensor:
    """Mean over the present vectors, 0 if none is; k of shape (n, g), k of shape (n, 1) -> (n, g)."""
    mask = torch.stack(present)
    return torch.where(mask, torch.stack(vectors), 0.0).sum(dim=0) / mask.sum(dim=0).clamp(min=1)


NETWORK = FlexibleAT
