"""Gated fusion of utterance-level vectors (Ryumina et al. 2025; the gate after Arevalo et al. 2017)."""

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.inputs import Inputs
from mer.models.random_numbers import Dropout

PAIRS = (("audio", "video"), ("video", "text"), ("text", "audio"))
"""The published pairs of modalities, in their order; a gate takes the first one as its first argument."""


class Gate(nn.Module):
    """h = z * tanh(W1 a) + (1 - z) * tanh(W2 b) with z = sigmoid(W [a; b]); shapes (n, da), (n, db) -> (n, g).

    Args:
        activation: `sigmoid` as in the published figure, or `softmax` over the g features as in the published code.
    """

    def __init__(self, first: int, second: int, hidden: int, activation: str) -> None:
        super().__init__()
        if activation not in ("sigmoid", "softmax"):
            raise ValueError(f"gate is {activation!r}; it may be sigmoid or softmax")
        self.first = nn.Linear(first, hidden, bias=False)
        self.second = nn.Linear(second, hidden, bias=False)
        self.gate = nn.Linear(first + second, hidden, bias=False)
        self.activation = activation

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        scores = self.gate(torch.cat([a, b], dim=1))  # (n, g)
        # The published code's softmax over features sums to 1 over all g of them, which leaves the second
        # input almost ungated; the published figure shows the sigmoid.
        z = torch.sigmoid(scores) if self.activation == "sigmoid" else torch.softmax(scores, dim=1)
        return z * torch.tanh(self.first(a)) + (1 - z) * torch.tanh(self.second(b))


def pairs(modalities: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return all pairs of inputs: those of two modalities in the published order, then those within one modality.

    Args:
        modalities: input -> its modality.

    >>> pairs({"audio": "audio", "text": "text"})
    [('text', 'audio')]
    >>> pairs({"audio": "audio", "whisper": "audio", "text": "text"})
    [('text', 'audio'), ('text', 'whisper'), ('audio', 'whisper')]
    """
    across = [(a, b) for first, second in PAIRS for a in modalities if modalities[a] == first
              for b in modalities if modalities[b] == second]  # fmt: skip
    return across + [(a, b) for a, b in combinations(modalities, 2) if modalities[a] == modalities[b]]


class GatedFusion(Fusion):
    """Project each input, gate every pair of inputs, classify.

        x'_m   = D(P_m x_m + p_m)                                   (n, d_m)
        u      = relu([G(a', v'); G(v', t'); G(t', a'); ...])       (n, pairs * g)
        logits = C D(U u + b) + c                                   (n, classes)

    D is dropout, G a `Gate`. With two inputs there is one gate. With one input tanh(W x'_m) replaces the gates.
    2,505,479 parameters with g = 64, 7 classes and audio, video and text of widths 512, 1024 and 768.

    Args:
        inputs: names, widths and modalities.
        hidden: g.
    """

    has_gate = True

    def __init__(
        self, inputs: Inputs, classes: int, hidden: int = 64, dropout: float = 0.1, gate: str = "sigmoid"
    ) -> None:
        super().__init__(inputs)
        widths = self.fused
        self.project = nn.ModuleDict({m: nn.Linear(d, d) for m, d in widths.items()})
        self.pairs = pairs({self.keys[name]: modality for name, modality in self.modalities.items()})
        self.gates = nn.ModuleList(Gate(widths[a], widths[b], hidden, gate) for a, b in self.pairs)
        self.alone = None if self.pairs else nn.Linear(*widths.values(), hidden, bias=False)
        self.merge = nn.Linear(hidden * max(1, len(self.pairs)), hidden)
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
        projected = self.first_layer(self.project, values, present)  # (n, d_m)
        x = {m: self.drop[m](value) for m, value in projected.items()}  # (n, d_m)
        if self.alone is None:
            gated = [gate(x[a], x[b]) for gate, (a, b) in zip(self.gates, self.pairs, strict=True)]  # (n, g) each
            fused = torch.cat(gated, dim=1)  # (n, pairs * g)
        else:
            fused = torch.tanh(self.alone(*x.values()))  # (n, g)
        merged = self.drop["merged"](self.merge(torch.relu(fused)))  # (n, g)
        return self.classify(merged)  # (n, classes)


NETWORK = GatedFusion
