"""FlexibleAT of the audio and text fork: gated fusion that has a branch for each modality alone."""

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.gated import Gate, pairs
from mer.models.layers import normed_linear
from mer.models.random_numbers import Dropout
from mer.models.swiglu import SwiGLU


class FlexibleAT(Fusion):
    """Gate what is there in pairs; a modality that is alone has its own branch.

        x'_m   = D(P_m LN(x_m) + p_m)                               (n, d_m)
        h      = S(LN(mean over the pairs there of G(x'_i, x'_j)))  (n, g), where two modalities or more are there
        h      = S_m(x'_m)                                          (n, g), where only m is
        logits = C D(h) + c                                         (n, classes)

    D is dropout, G a `Gate`, S and S_m are `SwiGLU`. Each row takes the branch of what it has; a row that has nothing
    gets h = 0. With audio and text this is the fork's network (Vally16768/MER @ c83d916, whose branch is chosen for
    the whole training instead, and whose gate is a softmax): one pair, gate(text, audio). The mean over pairs is what
    becomes of it with video. 1,128,039 parameters with g = 128, 7 classes and widths of 160 and 768, both branches
    included; a branch is trained only by rows that take it, which modality dropout makes.

    Args:
        widths: modality -> width of its vectors, any subset of audio, video, text.
        hidden: g.
        missing: `none` (all modalities must be there); `zeros` and `learned` are alike, as nothing is filled in.
        layers: modality -> how many layers its vectors hold.
    """

    leaves_out = True

    def __init__(self, widths: dict[str, int], classes: int, hidden: int = 128, dropout: float = 0.1,
                 gate: str = "sigmoid", missing: str = "none",
                 layers: dict[str, int] | None = None) -> None:  # fmt: skip
        super().__init__(widths, missing, layers)
        self.norm = nn.ModuleDict({m: nn.LayerNorm(d) for m, d in self.fused.items()})
        self.project = nn.ModuleDict({m: nn.Linear(d, d) for m, d in self.fused.items()})
        self.pairs = pairs(self.fused)
        self.gates = nn.ModuleList(Gate(self.fused[a], self.fused[b], hidden, gate) for a, b in self.pairs)
        self.merge = nn.Sequential(nn.LayerNorm(hidden), SwiGLU(hidden, hidden)) if self.pairs else None
        self.alone = nn.ModuleDict({m: SwiGLU(d, hidden) for m, d in self.fused.items()})
        self.classify = nn.Linear(hidden, classes)
        self.drop = nn.ModuleDict({m: Dropout(d, dropout) for m, d in (*self.fused.items(), ("merged", hidden))})
        for weight in (p for p in self.parameters() if p.dim() == 2):
            nn.init.xavier_uniform_(weight)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: modality -> float of shape (n, width).
            present: modality -> bool of shape (n,); None: all are there.
        """
        values, here = self.read(inputs, present)
        x = {m: self.drop[m](normed_linear(self.norm[m], self.project[m], value)) for m, value in values.items()}
        gated = [gate(x[a], x[b]) for gate, (a, b) in zip(self.gates, self.pairs, strict=True)]
        if here is None:
            h = self.merge(sum(gated[1:], gated[0]) / len(gated)) if self.merge is not None else self._alone(x)[0]
            return self.classify(self.drop["merged"](h))
        h = _mean(self._alone(x), list(here.values()))
        if self.merge is not None:
            there = [here[a] & here[b] for a, b in self.pairs]
            h = torch.where(torch.stack(there).any(dim=0), self.merge(_mean(gated, there)), h)
        return self.classify(self.drop["merged"](h))

    def _alone(self, x: dict[str, Tensor]) -> list[Tensor]:
        return [self.alone[m](value) for m, value in x.items()]


def _mean(vectors: list[Tensor], there: list[Tensor]) -> Tensor:
    """Mean over those that are there, 0 where none is; k of shape (n, g), k of shape (n, 1) -> (n, g)."""
    mask = torch.stack(there)
    return torch.where(mask, torch.stack(vectors), 0.0).sum(dim=0) / mask.sum(dim=0).clamp(min=1)
