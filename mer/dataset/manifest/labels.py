"""From native labels to the classes of a study. A policy is data; nothing is guessed.

Two steps: a corpus says which noun its code stands for (`Corpus.emotions`), and a policy says to which
class a noun belongs. A noun that a policy does not name is an error, never class 0.
"""

import difflib
from dataclasses import dataclass

from mer.corpora.corpus import SYNTHETIC, Corpus
from mer.corpora.reading.columns import SPELLINGS

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
"""Label order 0..6, as in the paper's code."""

DROP = "drop"
PERCEIVED = "perceived"
ALL = "all"
"""an override for every label of a corpus"""

_SAME = {name: name for name in CLASSES}
_NEVER = dict.fromkeys(("anxiety", "apology", "assertiveness", "boredom", "concern", "encouragement", "no agreement",
                        "other", "peacefulness", "power"), DROP)  # fmt: skip
"""nouns that are none of the classes of any policy; only an override brings them in"""

_SEVEN = _SAME | _NEVER | {"calm": "neutral", "amusement": "happiness", "excitement": "happiness", "contempt": DROP,
                           "sleepiness": DROP}  # fmt: skip
_FOUR = _NEVER | {"neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger",
                  "surprise": DROP, "fear": DROP, "disgust": DROP, "calm": DROP, "amusement": DROP, "contempt": DROP,
                  "sleepiness": DROP}  # fmt: skip
POLICIES: dict[str, dict[str, str]] = {
    "paper7": _SEVEN | {"frustration": DROP},
    "fork7": _SEVEN | {"frustration": "anger"},
    "primary4": _FOUR | {"excitement": "happiness", "frustration": DROP},
    "iemocap6": _FOUR | {"excitement": "excitement", "frustration": "frustration"},
}


class UnknownLabel(ValueError):
    """A label that the policy or the corpus does not know."""


def classes(policy: str) -> tuple[str, ...]:
    """Return the classes of a policy in label order.

    >>> classes("primary4")
    ('neutral', 'happiness', 'sadness', 'anger')
    """
    used = set(POLICIES[policy].values()) - {DROP}
    return (*(c for c in CLASSES if c in used), *sorted(used - set(CLASSES)))


def mapping(policy: str, corpus: str, emotions: dict[str, str], overrides: dict[str, str] | None = None) -> "Mapping":
    """Return what a policy makes of one corpus's labels.

    Args:
        emotions: the corpus's native label -> noun.
        overrides: on top of the policy, the most particular first:
            `native/perceived` (`xxx/hap`: labelled xxx where most raters said hap), a native label, a noun, `all`;
            each -> a class, `drop`, or `perceived`: whatever most raters perceived.

    Raises:
        UnknownLabel: the policy lacks a noun of the corpus, or an override names no label or no class.

    >>> ravdess = mapping("paper7", "ravdess", {"02": "calm", "05": "anger"}, {"calm": "drop"})
    >>> ravdess.classes, ravdess("05", None)
    ({'02': None, '05': 'anger'}, 'anger')
    >>> iemocap = mapping("iemocap6", "iemocap", {"hap": "happiness", "xxx": "no agreement"}, {"xxx/hap": "happiness"})
    >>> iemocap("xxx", "hap"), iemocap("xxx", None)
    ('happiness', None)
    """
    table, chosen = POLICIES[policy], dict(overrides or {})
    allowed = {*classes(policy), DROP, PERCEIVED}
    if missing := sorted(set(emotions.values()) - set(table)):
        raise UnknownLabel(
            f"labels.policy {policy}: no rule for {missing[0]!r} of corpus {corpus}; it has {', '.join(sorted(table))}"
        )
    _refuse_unknown(corpus, emotions, chosen)
    for key, target in chosen.items():
        chosen[key] = SPELLINGS.get(target, target)
        if chosen[key] not in allowed:
            raise UnknownLabel(f"labels.overrides.{corpus}: {target!r} is not one of {', '.join(sorted(allowed))}")
    policys = {native: table[noun] for native, noun in emotions.items()}
    targets = {
        native: chosen.get(native, chosen.get(noun, chosen.get(ALL, policys[native])))
        for native, noun in emotions.items()
    }
    return Mapping(targets, policys, {key: target for key, target in chosen.items() if "/" in key})


def mappings(policy: str, known: dict[str, Corpus], overrides: dict[str, dict[str, str]]) -> "dict[str, Mapping]":
    """Return corpus -> what a policy makes of its labels (see `mapping`)."""
    plain = {name: name.removesuffix(SYNTHETIC) for name in known}  # as the parameters name it
    return {name: mapping(policy, plain[name], known[name].emotions, overrides.get(plain[name])) for name in known}


@dataclass(frozen=True)
class Mapping:
    """From the labels of one corpus to classes.

    Attributes:
        targets: native label -> class, `drop` or `perceived`.
        policy: native label -> class or `drop` without overrides, for what raters perceived of a label that
            is itself left to them.
        pairs: `native/perceived` -> class, `drop` or `perceived`.
    """

    targets: dict[str, str]
    policy: dict[str, str]
    pairs: dict[str, str]

    @property
    def classes(self) -> dict[str, str | None]:
        """Native label -> class, None where that is dropped or depends on the raters."""
        return {native: None if target in (DROP, PERCEIVED) else target for native, target in self.targets.items()}

    def __call__(self, native: str, perceived: str | None) -> str | None:
        """Return the class of one utterance, None where it has none."""
        target = self.pairs.get(f"{native}/{perceived}", self.targets[native])
        if target == PERCEIVED:
            target = self._heard(perceived)
        return None if target == DROP else target

    def _heard(self, perceived: str | None) -> str:
        if perceived is None:
            return DROP
        return self.policy[perceived] if self.targets[perceived] == PERCEIVED else self.targets[perceived]

    def why_not(self, native: str, perceived: str | None) -> str:
        """Say why an utterance has no class."""
        if self.pairs.get(f"{native}/{perceived}", self.targets[native]) != PERCEIVED:
            return f"label {native!r} is dropped by the policy"
        if perceived is None:
            return f"label {native!r}: no answer was the most frequent one among raters"
        return f"label {native!r}, perceived as {perceived!r}, is dropped by the policy"


def _refuse_unknown(corpus: str, emotions: dict[str, str], chosen: dict[str, str]) -> None:
    known = {*emotions, *emotions.values(), ALL}
    for key in chosen:
        native, _, perceived = key.partition("/")
        wrong = native if native not in known else perceived if perceived and perceived not in emotions else None
        if wrong is not None:
            near = difflib.get_close_matches(wrong, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known))}"
            raise UnknownLabel(f"labels.overrides.{corpus}: the corpus has no label {wrong!r} ({hint})")
