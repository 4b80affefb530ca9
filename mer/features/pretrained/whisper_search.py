"""Greedy search in Whisper's decoder (Radford et al. 2023), in batches whose finished rows leave.

Each step runs the decoder on one token per row. Keys and values of earlier tokens and of the encoder's frames are kept,
so that a token costs the same wherever it is.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

HIDDEN_TOKENS = ("<|nospeech|>", "<|nocaptions|>")
"""The names of the token that stands for audio without speech; old tokenizers have the second."""


@dataclass(frozen=True)
class Tokens:
    """The numbers of a network's special tokens.

    Attributes:
        start: the first token of every transcript.
        end: the last one. Words have smaller numbers, all other special tokens greater ones.
        prompt: the tokens after the language, or after `start` if the network has one language.
        languages: ISO 639-1 code -> token; empty for a network of one language.
        no_speech: the token of audio without speech; None if the tokenizer has none.
        never, never_first: tokens that no transcript contains, and that none begins with.
        longest: the largest number of tokens of a transcript, without the prompt.
    """

    start: int
    end: int
    prompt: tuple[int, ...]
    languages: dict[str, int]
    no_speech: int | None
    never: tuple[int, ...]
    never_first: tuple[int, ...]
    longest: int


@dataclass
class Hypothesis:
    """The most probable transcript of one chunk of audio.

    Attributes:
        limit: the largest number of tokens.
        tokens: its words' tokens.
        log_probability: the sum of the log-probabilities of its tokens and, if it is finished, of the end.
        finished: whether the network ended it; otherwise it has reached its limit.
        no_speech: the probability that the chunk contains no speech; 0 if the network has no token for that.
        language: the ISO 639-1 code of the most probable language; None for a network of one language.
        language_probability: its probability among all languages; None without.
    """

    limit: int
    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    finished: bool = False
    no_speech: float = 0.0
    language: str | None = None
    language_probability: float | None = None

    @property
    def mean_log_probability(self) -> float:
        """The mean over the tokens and the end."""
        return self.log_probability / max(1, len(self.tokens) + self.finished)


def special_tokens(network: Any, tokenizer: Any) -> Tokens:
    """Return the special tokens of a network, from its generation settings and its tokenizer."""
    settings, vocabulary = network.generation_config, tokenizer.get_vocab()
    languages = {}
    if getattr(settings, "is_multilingual", False):
        languages = {name.strip("<|>"): number for name, number in settings.lang_to_id.items()}
    prompt = ((settings.task_to_id["transcribe"],) if languages else ()) + (settings.no_timestamps_token_id,)
    no_speech = next((vocabulary[name] for name in HIDDEN_TOKENS if name in vocabulary), None)
    end = settings.eos_token_id if isinstance(settings.eos_token_id, int) else settings.eos_token_id[0]
    # What comes after the end is no word: languages, tasks and times.
    never = sorted({*(settings.suppress_tokens or ()), *range(end + 1, network.config.vocab_size)} - {-1})
    first = sorted({*never, *(settings.begin_suppress_tokens or ())})
    longest = min(settings.max_length or math.inf, network.config.max_target_positions) - len(prompt) - 1
    longest -= bool(languages)
    return Tokens(settings.decoder_start_token_id, end, prompt, languages, no_speech, tuple(never), tuple(first),
                  int(longest))  # fmt: skip


def keys_and_values(network: Any, frames: Sequence[Any]) -> list[tuple[list[Any], list[Any]]]:
    """Return what each layer of the decoder reads of the encoder's frames: keys and values of each recording.

    Args:
        frames: shape (frames, width) each.

    Returns:
        for each layer two lists of tensors of shape (heads, frames, width of a head).
    """
    import torch

    packed, lengths = torch.cat(list(frames)), [len(one) for one in frames]
    attentions = [layer.encoder_attn for layer in network.model.decoder.layers]
    return [(_split(a, a.k_proj(packed), lengths), _split(a, a.v_proj(packed), lengths)) for a in attentions]


def search(network: Any, audio: list[tuple[Any, Any]], tokens: Tokens, limits: Sequence[int]) -> list[Hypothesis]:
    """Return the most probable transcript of each row, token by token.

    Args:
        audio: keys and values of each layer, of shape (rows, heads, frames, width of a head).
        limits: the largest number of tokens of each row.
    """
    import torch

    device, rows = audio[0][0].device, list(range(len(limits)))
    steps = _Decoder(network, audio)
    hypotheses = [Hypothesis(limit) for limit in limits]
    first = torch.full((len(rows),), tokens.start, device=device)
    logits = steps.logits(steps.run(first))
    next_tokens = _detect_language(logits, tokens, hypotheses)
    for prompt in [next_tokens] if tokens.languages else []:
        steps.run(prompt)
    for prompt in tokens.prompt:
        states = steps.run(torch.full((len(rows),), prompt, device=device))
    masks = {True: _mask(tokens.never_first, logits), False: _mask(tokens.never, logits)}
    while rows:
        at_start = not hypotheses[rows[0]].tokens
        values, best = torch.log_softmax(steps.logits(states) + masks[at_start], dim=-1).max(dim=-1)
        kept = list(_extend([hypotheses[row] for row in rows], best.tolist(), values.tolist(), tokens.end))
        kept = [n for n in kept if len(hypotheses[rows[n]].tokens) < hypotheses[rows[n]].limit]
        if len(kept) < len(rows):
            rows, chosen = [rows[n] for n in kept], torch.tensor(kept, dtype=torch.long, device=device)
            best = best[chosen]
            steps.keep(chosen)
        if rows:
            states = steps.run(best)
    return hypotheses


def _detect_language(logits: Any, tokens: Tokens, hypotheses: list[Hypothesis]) -> Any:
    """Store whether there is speech and in which language; return the token of each row's language."""
    import torch

    if tokens.no_speech is not None:
        for one, share in zip(hypotheses, torch.softmax(logits, -1)[:, tokens.no_speech].tolist(), strict=True):
            one.no_speech = share
    if not tokens.languages:
        return None
    codes, numbers = zip(*tokens.languages.items(), strict=True)
    numbers = torch.tensor(numbers, device=logits.device)
    shares, best = torch.softmax(logits[:, numbers], dim=-1).max(dim=-1)
    for one, share, number in zip(hypotheses, shares.tolist(), best.tolist(), strict=True):
        one.language, one.language_probability = codes[number], share
    return numbers[best]


def _extend(hypotheses: list[Hypothesis], best: list[int], values: list[float], end: int) -> Iterator[int]:
    """Add a token to each transcript, and yield the numbers of those that go on."""
    for number, (one, token, value) in enumerate(zip(hypotheses, best, values, strict=True)):
        one.log_probability += value
        if token == end:
            one.finished = True
        else:
            one.tokens.append(token)
            yield number


def _mask(tokens: tuple[int, ...], like: Any) -> Any:
    import torch

    mask = torch.zeros(like.shape[-1], device=like.device)
    mask[torch.tensor(tokens, dtype=torch.long)] = -math.inf
    return mask


def _heads(attention: Any, states: Any) -> Any:
    """Split (batch, n, width) into heads: (batch, heads, n, width of a head)."""
    return states.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2).contiguous()


def _split(attention: Any, states: Any, lengths: list[int]) -> list[Any]:
    """Split packed states, (sum of lengths, width), into heads and recordings."""
    return list(states.unflatten(-1, (attention.num_heads, -1)).transpose(0, 1).split(lengths, dim=1))


class _Decoder:
    """The decoder and the keys and values of the tokens that it has read."""

    def __init__(self, network: Any, audio: list[tuple[Any, Any]]) -> None:
        self.network, self.audio = network, audio
        self.text: list[tuple[Any, Any] | None] = [None] * len(audio)
        self.position = 0

    def run(self, tokens: Any) -> Any:
        """Read a token of each row, (rows,), and return the last layer's states, (rows, width)."""
        decoder = self.network.model.decoder
        states = decoder.embed_tokens(tokens)[:, None] + decoder.embed_positions.weight[self.position]
        for number, layer in enumerate(decoder.layers):
            normed = layer.self_attn_layer_norm(states)
            self.text[number] = self._text(number, layer.self_attn, normed)
            states = states + _attend(layer.self_attn, normed, *self.text[number])
            normed = layer.encoder_attn_layer_norm(states)
            states = states + _attend(layer.encoder_attn, normed, *self.audio[number])
            states = states + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(states))))
        self.position += 1
        return decoder.layer_norm(states)[:, 0]

    def logits(self, states: Any) -> Any:
        """Return the logits of the next token of each row, (rows, vocabulary)."""
        return self.network.proj_out(states).float()

    def keep(self, rows: Any) -> None:
        """Continue with some rows only."""
        self.audio, self.text = ([(k[rows], v[rows]) for k, v in pairs] for pairs in (self.audio, self.text))

    def _text(self, number: int, attention: Any, states: Any) -> tuple[Any, Any]:
        import torch

        new = _heads(attention, attention.k_proj(states)), _heads(attention, attention.v_proj(states))
        old = self.text[number]
        return new if old is None else tuple(torch.cat(pair, dim=2) for pair in zip(old, new, strict=True))


def _attend(attention: Any, states: Any, keys: Any, values: Any) -> Any:
    """Return the result of attention of one query per row."""
    from torch.nn.functional import scaled_dot_product_attention

    queries = _heads(attention, attention.q_proj(states))
    mixed = scaled_dot_product_attention(queries, keys, values)
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))
