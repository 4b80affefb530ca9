"""Gated fusion of utterance-level vectors (Ryumina et al. 2025; the gate after Arevalo et al. 2017)."""

import torch
from torch import Tensor, nn

from mer.models.noise import Dropout

PAIRS = (("audio", "video"), ("video", "text"), ("text", "audio"))


class Gate(nn.Module):
    """h = z * tanh(W1 a) + (1 - z) * tanh(W2 b), with z a function of both; shapes (n, da), (n, db) -> (n, g)."""

    def __init__(self, first: int, second: int, hidden: int, activation: str) -> None:
        super().__init__()
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


class GatedFusion(nn.Module):
    """Project each modality, gate every pair of them, classify.

    With one modality there is nothing to gate: its tanh projection takes the place of the pairs.

    Args:
        widths: modality -> width of its vectors, any subset of audio, video, text.
        missing: `none` (all modalities must be there), `zeros`, or `learned` (a vector per modality).
    """

    def __init__(self, widths: dict[str, int], classes: int, hidden: int = 64, dropout: float = 0.1,
                 gate: str = "sigmoid", missing: str = "none") -> None:  # fmt: skip
        super().__init__()
        self.missing = missing
        self.project = nn.ModuleDict({m: nn.Linear(d, d) for m, d in widths.items()})
        self.pairs = [pair for pair in PAIRS if set(pair) <= set(widths)]
        self.gates = nn.ModuleList(Gate(widths[a], widths[b], hidden, gate) for a, b in self.pairs)
        self.alone = nn.Linear(next(iter(widths.values())), hidden, bias=False) if not self.pairs else None
        self.merge = nn.Linear(hidden * max(1, len(self.pairs)), hidden)
        self.classify = nn.Linear(hidden, classes)
        self.dropout = Dropout(dropout)
        for weight in (p for p in self.parameters() if p.dim() == 2):
            nn.init.xavier_uniform_(weight)
        learned = widths if missing == "learned" else {}
        self.absent = nn.ParameterDict({m: nn.Parameter(torch.zeros(d)) for m, d in learned.items()})

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: modality -> float of shape (n, width).
            present: modality -> bool of shape (n,); None: all are there.

        Raises:
            ValueError: a modality is absent and `missing` is `none`.
        """
        h = {m: self.dropout(layer(self._fill(m, inputs[m], present))) for m, layer in self.project.items()}
        if self.alone is not None:
            fused = torch.tanh(self.alone(next(iter(h.values()))))
        else:
            fused = torch.cat([gate(h[a], h[b]) for gate, (a, b) in zip(self.gates, self.pairs, strict=True)], dim=1)
        return self.classify(self.dropout(self.merge(torch.relu(fused))))

    def _fill(self, modality: str, values: Tensor, present: dict[str, Tensor] | None) -> Tensor:
        if present is None:
            return values
        here = present[modality][:, None]
        if self.missing == "none":
            if not bool(here.all()):
                count = int((~here).sum())
                raise ValueError(
                    f"{modality} is missing in {count} utterances; training.missing may be zeros or learned"
                )
            return values
        fill = self.absent[modality] if self.missing == "learned" else values.new_zeros(())
        return torch.where(here, values, fill)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters, learned tokens of missing modalities apart."""
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith("absent."))
