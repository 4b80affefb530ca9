"""Pretrained networks for text: BERT, RoBERTa, sentence encoders and others of transformers.

An input is one string: the target, or turns of a dialogue from old to new with `SEPARATOR` between them and the target
last. Each turn is tokenised separately, so the tokens of the target do not depend on its context. Text that looks like
a special token is read as plain characters. Turns are joined by the tokenizer's separator, or by its end of sentence if
it has none. Inputs that are too long lose tokens at the left, so the target is kept.

Pooling `mean` is over the tokens of the target and those around the whole input; the network attends to the context but
its tokens are not pooled. Networks with two kinds of segments read the context as the first and the target as the
second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer import files, pools
from mer.features.extractor import Extractor, Resources, Unavailable, VectorFunction
from mer.features.pretrained import activations, batches, loading, locations
from mer.features.pretrained.pooling import finite
from mer.features.text.dialogue import SEPARATOR
from mer.params.schema import TextFeatures

VERSION = 1
BUDGET = 4096
"""The largest number of tokens of a batch, padding included."""
NO_WORDS = Unavailable("no words in the text")


def describe(section: TextFeatures) -> dict:
    """Return everything that determines a vector except its text, and how many layers it holds or is stored with.

    Raises:
        NetworkNotFound, WeightMismatch: as in `mer.features.pretrained`.
    """
    folder, weights = _files(section)
    network = loading.empty_network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    layers, width = activations.shape(network, section.layer, f"{section.location}.layer")
    return {
        "model": locations.digest(folder, weights),
        "layer": section.layer,
        "pooling": section.pooling,
        "max_tokens": section.max_tokens,
        "width": layers * width,
        **activations.layer_entries(network, section.layer),
    }


def open_extractor(section: TextFeatures, resources: Resources) -> VectorFunction:
    """Return the function from texts to vectors.

    Raises:
        NetworkNotFound, WeightMismatch: as in `mer.features.pretrained`.
        ValueError: `max_tokens` exceeds the limit of the network, or `pooling` is `cls` and it has no such token.
    """
    return vector_function(open_network(section, resources.device), section)


@dataclass(frozen=True)
class TextNetwork:
    """A network that reads texts.

    Attributes:
        model: the network of transformers.
        tokens: its tokenizer.
        states: function from a batch's tensors to the activations that are read, shape (batch, tokens, width) each.
        segments: whether it reads the context as another segment than the target.
        device: cpu, cuda or mps.
    """

    model: Any
    tokens: "Tokens"
    states: activations.ActivationReader
    segments: bool
    device: str

    def pooled(self, rows: Sequence["TokenSequence"], pooling: str) -> Any:
        """Return the pooled activations of a batch; shape (batch, layers, width)."""
        import torch

        inputs, target = _collate(rows, self.tokens.pad, self.segments)
        states = self.states({name: tensor.to(self.device) for name, tensor in inputs.items()})
        return torch.stack([_pool(s, target.to(s.device), pooling) for s in states], dim=1)


def open_network(section: TextFeatures, device: str) -> TextNetwork:
    """Return the network of an input in evaluation mode, ready to run.

    Raises:
        NetworkNotFound, WeightMismatch, ValueError: as `open_extractor`.
    """
    folder, weights = _files(section)
    network = loading.network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    activations.shape(network, section.layer, f"{section.location}.layer")  # raises an error if there is no such layer
    read_states = activations.read_activations(network, section.layer, f"{section.location}.layer")
    tokenizer = tokens(folder, f"{section.location}.model")
    _check(section, tokenizer, activations.body(network))
    segments = getattr(network.config, "type_vocab_size", 0) > 1
    return TextNetwork(network.to(device), tokenizer, read_states, segments, device)


def vector_function(network: TextNetwork, section: TextFeatures) -> VectorFunction:
    """Return the function from texts to vectors of a network in evaluation mode, as from `open_extractor`."""

    def compute(texts: Sequence[str]) -> list[np.ndarray | Unavailable]:
        rows = [network.tokens.read(text, section.max_tokens) for text in texts]
        vectors: list[np.ndarray | Unavailable] = [NO_WORDS] * len(rows)
        with_words = [n for n, row in enumerate(rows) if row is not None]
        lengths = [len(rows[n].ids) for n in with_words]
        for batch in batches.by_length(lengths, pools.batch_size(BUDGET)):
            numbers = [with_words[i] for i in batch]
            with activations.full_precision():
                pooled = network.pooled([rows[n] for n in numbers], section.pooling)
            for n, vector in zip(numbers, pooled.flatten(1).cpu().numpy(), strict=True):
                vectors[n] = finite(vector)
        return vectors

    return compute


@dataclass(frozen=True)
class TokenSequence:
    """The tokens of an input.

    Attributes:
        ids: numbers of the tokens.
        target: whether each token is pooled: those of the target and those around the whole input.
        second: whether each token belongs to the second segment.
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

    def read(self, text: str, max_tokens: int) -> TokenSequence | None:
        """Return the tokens of an input; None if the target has no words.

        Args:
            text: an input.
            max_tokens: the largest number of tokens; more are removed at the left. Tokens before and after the whole
                input are kept.
        """
        *context, target = (self._ids(turn) for turn in text.split(SEPARATOR))
        if not target:
            return None
        room = max_tokens - len(self.before) - len(self.after)
        earlier = [token for turn in context if turn for token in [*turn, *self.between]]
        target = target[-room:]
        earlier = earlier[max(0, len(earlier) + len(target) - room) :]
        earlier = earlier[1:] if earlier[:1] == self.between else earlier  # the turn before it was removed
        is_target = [True] * len(self.before) + [False] * len(earlier) + [True] * (len(target) + len(self.after))
        first = len(self.before) + len(earlier) if earlier else len(is_target)
        ids = [*self.before, *earlier, *target, *self.after]
        return TokenSequence(ids, is_target, [position >= first for position in range(len(ids))])

    def _ids(self, turn: str) -> list[int]:
        valid = turn.encode("utf-8", "replace").decode("utf-8").strip()  # unpaired surrogates are not valid text
        if not valid:
            return []
        plain = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
        return self.tokenizer(valid, **plain).input_ids


def tokens(folder: Path, parameter: str) -> Tokens:
    """Return the tokenizer of a network.

    Args:
        folder: the folder of the network.
        parameter: the parameter that messages name, such as `features.text.model`.

    Raises:
        WeightMismatch: the folder has no tokenizer, or one that cannot be read.
    """
    from transformers import AutoTokenizer

    location = f"{parameter}: {files.to_root(folder)}"
    if not any((folder / name).is_file() for name in locations.VOCABULARIES):
        raise loading.WeightMismatch(f"{location} has no tokenizer: none of {', '.join(locations.VOCABULARIES)} exists")
    with loading.load_errors(f"{location}: its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    complete, bare = tokenizer("a").input_ids, tokenizer("a", add_special_tokens=False).input_ids
    start = next(i for i in range(len(complete)) if complete[i : i + len(bare)] == bare)
    between = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    return Tokens(tokenizer, complete[:start], [] if between is None else [between], complete[start + len(bare) :], pad)


def _files(section: TextFeatures) -> tuple[Path, Path | None]:
    folder = locations.find(section.model, section.revision, f"{section.location}.model")
    return folder, locations.checkpoint(section.weights, f"{section.location}.weights")


def _check(section: TextFeatures, tokenizer: Tokens, body: Any) -> None:
    limit = min(tokenizer.tokenizer.model_max_length, _positions(body))
    if section.max_tokens > limit:
        raise ValueError(
            f"{section.location}.max_tokens: {section.max_tokens} exceeds the limit of {section.model}, {limit}"
        )
    if section.pooling == "cls" and not tokenizer.before:
        raise ValueError(f"{section.location}.pooling: {section.model} puts no token before a text, so `cls` does not "
                         "exist; use `mean`")  # fmt: skip


def _positions(body: Any) -> float:
    """Return the largest number of tokens that a network has positions for."""
    tables = [module for name, module in body.named_modules() if name.endswith("position_embeddings")]
    if not tables or not hasattr(tables[0], "num_embeddings"):
        return float("inf")
    unused = tables[0].padding_idx  # RoBERTa counts positions from the number after its padding
    return tables[0].num_embeddings - (0 if unused is None else unused + 1)


def _collate(rows: Sequence[TokenSequence], pad: int, segments: bool) -> tuple[dict[str, Any], Any]:
    """Return the tensors that a network reads, and which tokens are pooled; shape (batch, tokens) each."""
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
    """Pool (batch, tokens, width) to (batch, width). Modules after the network's own pooling return that shape."""
    if state.ndim == 2:
        return state
    if pooling == "cls":
        return state[:, 0]
    weight = target[:, :, None].to(state.dtype)
    return (state * weight).sum(dim=1) / weight.sum(dim=1)


EXTRACTOR = Extractor(version=VERSION, describe=describe, open=open_extractor, scaling="each", trained=True,
                      stored=activations.with_all_layers)  # fmt: skip
