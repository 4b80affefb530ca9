"""RobustAT of the audio and text fork: a transformer over one token per input."""

import math

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.inputs import Inputs
from mer.models.random_numbers import Dropout
from mer.models.swiglu import SwiGLU

BLOCKS = 4
"""The number of transformer blocks."""
HEADS = 8
"""The number of attention heads of a block."""


class Attention(nn.Module):
    """Attention of tokens to the present ones (Vaswani et al. 2017); shapes (n, t, d), (n, t) -> (n, t, d).

    A = softmax(Q K^T / sqrt(d / heads)) per head, over the present tokens; y = O [A V] + o.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        if hidden % HEADS:
            raise ValueError(f"robust_at: hidden is {hidden}; it has to be a multiple of its {HEADS} heads")
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, present: Tensor | None) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # each (n, heads, t, d / heads)
        # Not torch's fused attention: vmap runs it as a loop, and it gains little on so few tokens.
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])  # (n, heads, t, t)
        if present is not None:
            scores = scores.masked_fill(~present[:, None, None, :], -torch.inf)
        values = torch.softmax(scores, dim=3) @ v  # (n, heads, t, d / heads)
        return self.out(values.transpose(1, 2).flatten(2))  # (n, t, d)


class Block(nn.Module):
    """y = x + D(Attention(LN(x))); y + D(W S(LN(y)) + w), with S a `SwiGLU` of 4 d; shapes (n, t, d) -> (n, t, d)."""

    def __init__(self, hidden: int, tokens: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.attention = Attention(hidden)
        self.feed = nn.Sequential(nn.LayerNorm(hidden), SwiGLU(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden))
        self.drop = nn.ModuleList(Dropout(tokens * hidden, dropout) for _ in range(2))
        nn.init.xavier_uniform_(self.feed[2].weight)

    def forward(self, x: Tensor, present: Tensor | None) -> Tensor:
        x = x + self.drop[0](self.attention(self.norm(x), present))
        return x + self.drop[1](self.feed(x))


class RobustAT(Fusion):
    """One token per input and one for the prediction, four pre-norm transformer blocks, classify.

        k_0    = f + e_0,  k_m = S_m(LN(x_m)) + e_m                 (n, d) each
        y      = Block(Block(Block(Block([k_0, k_1, ...]))))        (n, 1 + inputs, d)
        logits = C (y_0 + S(LN(y_0))) + c                           (n, classes)

    f is the learned first token, often called [CLS], and e are learned types of tokens; S and S_m are `SwiGLU`. The
    token of a missing input is masked: no token attends to it. The prediction for a row without inputs depends on f
    alone. With audio and text this is the fork's network (Vally16768/MER @ c83d916), which has a dropout of 0 and no
    mask: it sets the vector to zero. 4,824,647 parameters with d = 256, 7 classes and widths of 160 and 768.

    Args:
        inputs: names, widths and modalities. `zeros` and `learned` are equivalent: nothing is filled in.
        hidden: d, a multiple of 8.
    """

    handles_missing = True

    def __init__(self, inputs: Inputs, classes: int, hidden: int = 256, dropout: float = 0.0) -> None:
        super().__init__(inputs)
        self.tokens = nn.ModuleDict(
            {m: nn.Sequential(nn.LayerNorm(d), SwiGLU(d, hidden)) for m, d in self.fused.items()}
        )
        self.types = nn.Parameter(torch.empty(1 + len(self.fused), hidden))
        self.first = nn.Parameter(torch.empty(hidden))
        self.blocks = nn.ModuleList(Block(hidden, 1 + len(self.fused), dropout) for _ in range(BLOCKS))
        self.head = nn.Sequential(nn.LayerNorm(hidden), SwiGLU(hidden, hidden))
        self.classify = nn.Linear(hidden, classes)
        nn.init.normal_(self.first, std=0.02)
        nn.init.xavier_uniform_(self.types)
        nn.init.xavier_uniform_(self.classify.weight)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: input -> float of shape (n, width).
            present: input -> bool of shape (n,); None: all are present.
        """
        values, present = self.prepare_inputs(inputs, present)  # (n, d_m) and (n, 1) per input
        tokens = [self.tokens[m](x) for m, x in values.items()]  # (n, d) each
        x = torch.stack([self.first.expand_as(tokens[0]), *tokens], dim=1) + self.types  # (n, t, d), t = 1 + inputs
        mask = None if present is None else _with_first(list(present.values()))  # (n, t)
        for block in self.blocks:
            x = block(x, mask)  # (n, t, d)
        y = x[:, 0]  # (n, d)
        return self.classify(y + self.head(y))  # (n, classes)


def _with_first(present: list[Tensor]) -> Tensor:
    """The mask of all tokens, of which the first is always present; shapes (n, 1) each -> (n, 1 + inputs)."""
    return torch.cat([torch.ones_like(present[0]), *present], dim=1)


NETWORK = RobustAT
