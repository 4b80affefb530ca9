"""RobustAT of the audio and text fork: a transformer over a token per modality."""

import math

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.random_numbers import Dropout
from mer.models.swiglu import SwiGLU

BLOCKS = 4
HEADS = 8


class Attention(nn.Module):
    """Attention of tokens to those that are there (Vaswani et al. 2017); shapes (n, t, d), (n, t) -> (n, t, d).

    A = softmax(Q K^T / sqrt(d / heads)) per head, over the tokens there; y = O [A V] + o.
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

    def forward(self, x: Tensor, there: Tensor | None) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # each (n, heads, t, d / heads)
        # Written out: vmap knows torch's fused attention only as a loop, and it gains little on so few tokens.
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        if there is not None:
            scores = scores.masked_fill(~there[:, None, None, :], -torch.inf)
        return self.out((torch.softmax(scores, dim=3) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """y = x + D(Attention(LN(x))); y + D(W S(LN(y)) + w), with S a `SwiGLU` of 4 d; shapes (n, t, d) -> (n, t, d)."""

    def __init__(self, hidden: int, tokens: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.attention = Attention(hidden)
        self.feed = nn.Sequential(nn.LayerNorm(hidden), SwiGLU(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden))
        self.drop = nn.ModuleList(Dropout(tokens * hidden, dropout) for _ in range(2))
        nn.init.xavier_uniform_(self.feed[2].weight)

    def forward(self, x: Tensor, there: Tensor | None) -> Tensor:
        x = x + self.drop[0](self.attention(self.norm(x), there))
        return x + self.drop[1](self.feed(x))


class RobustAT(Fusion):
    """A token per modality and one to answer, four pre-norm transformer blocks, classify.

        k_0    = f + e_0,  k_m = S_m(LN(x_m)) + e_m                 (n, d) each
        y      = Block(Block(Block(Block([k_0, k_1, ...]))))        (n, 1 + modalities, d)
        logits = C (y_0 + S(LN(y_0))) + c                           (n, classes)

    f is the learned first token, often called [CLS], and e are learned types of tokens; S and S_m are `SwiGLU`. The
    token of a missing modality is masked: no token attends to it. A row that has nothing is answered from f alone.
    With audio and text this is the fork's network (Vally16768/MER @ c83d916), whose dropout is 0, and which has no
    mask: it zeroes the vector. 4,824,647 parameters with d = 256, 7 classes and widths of 160 and 768.

    Args:
        widths: modality -> width of its vectors, any subset of audio, video, text.
        hidden: d, a multiple of 8.
        missing: `none` (all modalities must be there); `zeros` and `learned` are alike, as nothing is filled in.
        layers: modality -> how many layers its vectors hold.
    """

    leaves_out = True

    def __init__(self, widths: dict[str, int], classes: int, hidden: int = 256, dropout: float = 0.0,
                 missing: str = "none", layers: dict[str, int] | None = None) -> None:  # fmt: skip
        super().__init__(widths, missing, layers)
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
            inputs: modality -> float of shape (n, width).
            present: modality -> bool of shape (n,); None: all are there.
        """
        values, here = self.read(inputs, present)
        tokens = [self.tokens[m](value) for m, value in values.items()]
        x = torch.stack([self.first.expand_as(tokens[0]), *tokens], dim=1) + self.types
        there = None
        if here is not None:
            flags = list(here.values())
            there = torch.cat([torch.ones_like(flags[0]), *flags], dim=1)
        for block in self.blocks:
            x = block(x, there)
        answer = x[:, 0]
        return self.classify(answer + self.head(answer))
