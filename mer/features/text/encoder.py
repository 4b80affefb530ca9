"""Pretrained networks for text: BERT, RoBERTa, sentence encoders and others of transformers.

An input is one string: turns of a dialogue from old to new with `SEPARATOR` between them, the last one the target, or
just the target. Turns become tokens each by itself, so the target's are the same whatever stands before it, and what
looks like a special token in a transcript is read as the characters that it consists of. They are joined by the
tokenizer's separator (its end of sentence where it has none), and what is too much is cut off from the left, so that
the target survives. The target is marked: `mean` is over its tokens and those around the whole input, while the context
is attended to only; networks with two kinds of segments get the context as the first and the target as the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer import files
from mer.features.extractor import Extractor, Resources, Unavailable, VectorFunction
from mer.features.pretrained import activations, batches, loading, locations
from mer.features.pretrained.pooling import finite
from mer.features.text.dialogue import SEPARATOR
from mer.params.schema import TextFeatures

VERSION = 1
BUDGET = 4096
"""tokens of a batch, padding included"""
EMPTY = Unavailable("no words in the text")


def describe(section: TextFeatures) -> dict:
    """Return what determines a vector besides its text.

    With `layer: all`, `layers` is among it, as in `mer.features.audio.encoder`.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
    """
    folder, weights = _place(section)
    made = loading.empty_network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    layers, width = activations.shape(made, section.layer, f"{section.location}.layer")
    return {
        "model": locations.digest(folder, weights),
        "layer": section.layer,
        "pooling": section.pooling,
        "max_tokens": section.max_tokens,
        "width": layers * width,
        **({"layers": layers} if section.layer == activations.ALL else {}),
    }


def open_extractor(section: TextFeatures, resources: Resources) -> VectorFunction:
    """Return the function from texts to vectors.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
        ValueError: `max_tokens` is more than the network takes, or `pooling: cls` is asked of one without such a token.
    """
    import torch

    folder, weights = _place(section)
    made = loading.network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    activations.shape(
        made, section.layer, f"{section.location}.layer"
    )  # a layer that is not there is told before anything runs
    tap, words = (
        activations.read_activations(made, section.layer, f"{section.location}.layer"),
        tokens(folder, f"{section.location}.model"),
    )
    _check(section, words, activations.body(made))
    segments = getattr(made.config, "type_vocab_size", 0) > 1
    made.to(resources.device)

    def compute(texts: Sequence[str]) -> list[np.ndarray | Unavailable]:
        rows = [words.read(text, section.max_tokens) for text in texts]
        found: list[np.ndarray | Unavailable] = [EMPTY] * len(rows)
        there = [n for n, row in enumerate(rows) if row is not None]
        for batch in batches.by_length([len(rows[n].ids) for n in there], BUDGET):
            chosen = [there[i] for i in batch]
            inputs, target = _collate([rows[n] for n in chosen], words.pad, segments)
            with activations.full_precision():
                states = tap({name: tensor.to(resources.device) for name, tensor in inputs.items()})
                pooled = torch.stack([_pool(s, target.to(s.device), section.pooling) for s in states], dim=1)
            for n, vector in zip(chosen, pooled.flatten(1).cpu().numpy(), strict=True):
                found[n] = finite(vector)
        return found

    return compute


@dataclass(frozen=True)
class TokenSequence:
    """An input as numbers.

    Attributes:
        ids: of its tokens.
        target: whether each is of the target or stands around the whole input.
        second: whether each belongs to the second segment.
    """

    ids: list[int]
    target: list[bool]
    second: list[bool]


@dataclass(frozen=True)
class Tokens:
    """A tokenizer, and the tokens that it puts before, between and after texts."""

    tokenizer: Any
    before: list[int]
    between: list[int]
    after: list[int]
    pad: int

    def read(self, text: str, most: int) -> TokenSequence | None:
        """Return a text's tokens, at most `most` of them; None where the target has no words.

        Args:
            most: more are cut off from the left; what stands before and after a text stays.
        """
        *context, target = (self._ids(turn) for turn in text.split(SEPARATOR))
        if not target:
            return None
        room = most - len(self.before) - len(self.after)
        earlier = [token for turn in context if turn for token in [*turn, *self.between]]
        target = target[-room:]
        earlier = earlier[max(0, len(earlier) + len(target) - room) :]
        earlier = earlier[1:] if earlier[:1] == self.between else earlier  # the turn that it ended is gone
        is_target = [True] * len(self.before) + [False] * len(earlier) + [True] * (len(target) + len(self.after))
        first = len(self.before) + len(earlier) if earlier else len(is_target)
        ids = [*self.before, *earlier, *target, *self.after]
        return TokenSequence(ids, is_target, [place >= first for place in range(len(ids))])

    def _ids(self, turn: str) -> list[int]:
        whole = turn.encode("utf-8", "replace").decode("utf-8").strip()  # half of a character pair is no text
        if not whole:
            return []
        plain = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
        return self.tokenizer(whole, **plain).input_ids


def tokens(folder: Path, parameter: str) -> Tokens:
    """Return the tokenizer of a network's folder.

    Args:
        parameter: the parameter that messages name, such as `features.text.model`.

    Raises:
        WeightMismatch: there is no tokenizer that can be read.
    """
    from transformers import AutoTokenizer

    location = f"{parameter}: {files.to_root(folder)}"
    if not any((folder / name).is_file() for name in locations.VOCABULARIES):
        raise loading.WeightMismatch(
            f"{location} has no tokenizer: none of {', '.join(locations.VOCABULARIES)} is there"
        )
    with loading.load_errors(f"{location}: its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    whole, bare = tokenizer("a").input_ids, tokenizer("a", add_special_tokens=False).input_ids
    start = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    between = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    return Tokens(tokenizer, whole[:start], [] if between is None else [between], whole[start + len(bare) :], pad)


def _place(section: TextFeatures) -> tuple[Path, Path | None]:
    folder = locations.find(section.model, section.revision, f"{section.location}.model")
    return folder, locations.checkpoint(section.weights, f"{section.location}.weights")


def _check(section: TextFeatures, words: Tokens, inner: Any) -> None:
    most = min(words.tokenizer.model_max_length, _positions(inner))
    if section.max_tokens > most:
        raise ValueError(
            f"{section.location}.max_tokens: is {section.max_tokens}, and {section.model} takes {most} at most"
        )
    if section.pooling == "cls" and not words.before:
        raise ValueError(f"{section.location}.pooling: {section.model} puts no token before a text, so `cls` does not "
                         "exist: use `mean`")  # fmt: skip


def _positions(inner: Any) -> float:
    """How many tokens a network has positions for."""
    tables = [part for name, part in inner.named_modules() if name.endswith("position_embeddings")]
    if not tables or not hasattr(tables[0], "num_embeddings"):
        return float("inf")
    unused = tables[0].padding_idx  # RoBERTa counts from behind the number that it pads with
    return tables[0].num_embeddings - (0 if unused is None else unused + 1)


def _collate(rows: list[TokenSequence], pad: int, segments: bool) -> tuple[dict[str, Any], Any]:
    """The tensors that a network takes, and which tokens are pooled; shape (batch, tokens) each."""
    import torch

    def padded(values: list[list], fill: int) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(v) for v in values], True, fill)

    inputs = {
        "input_ids": padded([row.ids for row in rows], pad),
        "attention_mask": padded([[1] * len(row.ids) for row in rows], 0),
    }
    if segments:
        inputs["token_type_ids"] = padded([[int(s) for s in row.second] for row in rows], 0)
    return inputs, padded([row.target for row in rows], False)


def _pool(state: Any, target: Any, pooling: str) -> Any:
    """(batch, tokens, width) -> (batch, width); what a module after the network's own pooling gives is that already."""
    if state.ndim == 2:
        return state
    if pooling == "cls":
        return state[:, 0]
    weight = target[:, :, None].to(state.dtype)
    return (state * weight).sum(dim=1) / weight.sum(dim=1)


EXTRACTOR = Extractor(version=VERSION, describe=describe, open=open_extractor, scaling="each", trained=True)
