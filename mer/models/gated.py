"""Gated fusion of utterance-level vectors (Ryumina et al. 2025; the gate after Arevalo et al. 2017)."""

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.random_numbers import Dropout

PAIRS = (("audio", "video"), ("video", "text"), ("text", "audio"))


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
        scores = self.gate(torch.cat([a, b], dim=1))
        # The published code's softmax over features sums to 1 over all g of them, which leaves the second
        # modality almost ungated; the published figure shows the sigmoid.
        z = torch.sigmoid(scores) if self.activation == "sigmoid" else torch.softmax(scores, dim=1)
        return z * torch.tanh(self.first(a)) + (1 - z) * torch.tanh(self.second(b))


def pairs(widths: dict[str, int]) -> list[tuple[str, str]]:
    """Return the pairs that are gated, in the published order.

    >>> pairs({"audio": 3, "text": 2})
    [('text', 'audio')]
    """
    return [pair for pair in PAIRS if set(pair) <= set(widths)]


class GatedFusion(Fusion):
    """Project each modality, gate every pair of them, classify.

        x'_m   = D(P_m x_m + p_m)                                   (n, d_m)
        u      = relu([G(a', v'); G(v', t'); G(t', a')])            (n, 3g)
        logits = C D(U u + b) + c                                   (n, classes)

    D is dropout, G a `Gate`. With two modalities there is one gate; with one there is nothing to gate, and
    tanh(W x'_m) takes its place. 2,505,479 parameters with g = 64, 7 classes and widths of 512, 1024 and 768.

    Args:
        widths: modality -> width of its vectors, any subset of audio, video, text.
        hidden: g.
        missing: `none` (all modalities must be there), `zeros`, or `learned` (a vector per modality).
        layers: modality -> how many layers its vectors hold.
    """

    def __init__(self, widths: dict[str, int], classes: int, hidden: int = 64, dropout: float = 0.1,
                 gate: str = "sigmoid", missing: str = "none",
                 layers: dict[str, int] | None = None) -> None:  # fmt: skip
        super().__init__(widths, missing, layers)
        self.project = nn.ModuleDict({m: nn.Linear(d, d) for m, d in self.fused.items()})
        self.pairs = pairs(self.fused)
        self.gates = nn.ModuleList(Gate(self.fused[a], self.fused[b], hidden, gate) for a, b in self.pairs)
        self.alone = None if self.pairs else nn.Linear(*self.fused.values(), hidden, bias=False)
        self.merge = nn.Linear(hidden * max(1, len(self.pairs)), hidden)
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
        h = {m: self.drop[m](x) for m, x in self.enter(self.project, *self.read(inputs, present)).items()}
        if self.alone is not None:
            fused = torch.tanh(self.alone(*h.values()))
        else:
            fused = torch.cat([gate(h[a], h[b]) for gate, (a, b) in zip(self.gates, self.pairs, strict=True)], dim=1)
        return self.classify(self.drop["merged"](self.merge(torch.relu(fused))))
