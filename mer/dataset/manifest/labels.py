"""Map native labels to the classes of a study.

The mapping has two steps. A corpus maps its labels to standard emotion names (`Corpus.emotions`), and a policy maps
these names to classes. A name that the policy does not contain is an error.
"""

import difflib
from dataclasses import dataclass

from mer.corpora.corpus import SYNTHETIC, Corpus
from mer.corpora.reading.columns import SPELLINGS

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
"""The classes in the order of the paper's code (0..6)."""

DROP = "drop"
PERCEIVED = "perceived"
ALL = "all"
"""The key of an override for all labels of a corpus."""

_SAME = {name: name for name in CLASSES}
_UNUSED = dict.fromkeys(("anxiety", "apology", "assertiveness", "boredom", "concern", "encouragement", "no agreement",
                        "other", "peacefulness", "power"), DROP)  # fmt: skip
"""Emotion names that no policy maps to a class. Only an override does."""

_SEVEN = _SAME | _UNUSED | {"calm": "neutral", "amusement": "happiness", "excitement": "happiness", "contempt": DROP,
                           "sleepiness": DROP}  # fmt: skip
_FOUR = _UNUSED | {"neutral": "neutral", "happiness": "happiness", "sadness": "sadness", "anger": "anger",
                  "surprise": DROP, "fear": DROP, "disgust": DROP, "calm": DROP, "amusement": DROP, "contempt": DROP,
                  "sleepiness": DROP}  # fmt: skip
POLICIES: dict[str, dict[str, str]] = {
    "paper7": _SEVEN | {"frustration": DROP},
    "fork7": _SEVEN | {"frustration": "anger"},
    "primary4": _FOUR | {"excitement": "happiness", "frustration": DROP},
    "iemocap6": _FOUR | {"excitement": "excitement", "frustration": "frustration"},
}


class UnknownLabel(ValueError):
    """The policy or the corpus does not contain a label."""


def classes(policy: str) -> tuple[str, ...]:
    """Return the classes of a policy in label order.

    >>> classes("primary4")
    ('neutral', 'happiness', 'sadness', 'anger')
    """
    used = set(POLICIES[policy].values()) - {DROP}
    return (*(c for c in CLASSES if c in used), *sorted(used - set(CLASSES)))


def mapping(policy: str, corpus: str, emotions: dict[str, str], overrides: dict[str, str] | None = None) -> "Mapping":
    """Return the mapping of one corpus's labels to the classes of a policy.

    Args:
        policy: the name of the policy.
        corpus: the id of the corpus, for messages.
        emotions: the corpus's native label -> standard emotion name.
        overrides: exceptions from the policy. The keys, the most specific first, are `native/perceived` (`xxx/hap`:
            labelled xxx and perceived as hap by most raters), a native label, an emotion name, and `all`. The values
            are a class, `drop`, or `perceived` (the class that most raters perceived).

    Raises:
        UnknownLabel: the policy lacks an emotion name of the corpus, or an override has an unknown label or class.

    >>> ravdess = mapping("paper7", "ravdess", {"02": "calm", "05": "anger"}, {"calm": "drop"})
    >>> ravdess.classes, ravdess("05", None)
    ({'02': None, '05': 'anger'}, 'anger')
    >>> iemocap = mapping("iemocap6", "iemocap", {"hap": "happiness", "xxx": "no agreement"}, {"xxx/hap": "happiness"})
    >>> iemocap("xxx", "hap"), iemocap("xxx", None)
    ('happiness', None)
    """
    table, overridden = POLICIES[policy], dict(overrides or {})
    allowed = {*classes(policy), DROP, PERCEIVED}
    if missing := sorted(set(emotions.values()) - set(table)):
        raise UnknownLabel(
            f"labels.policy {policy}: no rule for {missing[0]!r} of corpus {corpus}; it has {', '.join(sorted(table))}"
        )
    _refuse_unknown(corpus, emotions, overridden)
    for key, target in overridden.items():
        word = target.removeprefix("map_to_")  # the fork says `map_to_neutral`
        overridden[key] = SPELLINGS.get(word, word)
        if overridden[key] not in allowed:
            raise UnknownLabel(f"labels.overrides.{corpus}: {target!r} is not one of {', '.join(sorted(allowed))}")
    by_policy = {native: table[emotion] for native, emotion in emotions.items()}
    by_label = {
        native: overridden.get(native, overridden.get(emotion, overridden.get(ALL, by_policy[native])))
        for native, emotion in emotions.items()
    }
    return Mapping(by_label, by_policy, {key: target for key, target in overridden.items() if "/" in key})


def mappings(policy: str, corpora: dict[str, Corpus], overrides: dict[str, dict[str, str]]) -> "dict[str, Mapping]":
    """Return corpus -> the mapping of its labels (see `mapping`)."""
    real_names = {name: name.removesuffix(SYNTHETIC) for name in corpora}  # as in the parameters
    return {
        name: mapping(policy, real_names[name], corpora[name].emotions, overrides.get(real_names[name]))
        for name in corpora
    }


@dataclass(frozen=True)
class Mapping:
    """The mapping from the labels of one corpus to classes.

    Attributes:
        classes_by_label: native label -> class, `drop` or `perceived`.
        policy: native label -> class or `drop`, without overrides. It applies to perceived labels whose own class is
            `perceived`.
        pairs: `native/perceived` -> class, `drop` or `perceived`.
    """

    classes_by_label: dict[str, str]
    policy: dict[str, str]
    pairs: dict[str, str]

    @property
    def classes(self) -> dict[str, str | None]:
        """Native label -> class, None if the label is dropped or its class depends on the raters."""
        return {
            native: None if target in (DROP, PERCEIVED) else target for native, target in self.classes_by_label.items()
        }

    def __call__(self, native: str, perceived: str | None) -> str | None:
        """Return the class of one utterance, None if it has none."""
        target = self.pairs.get(f"{native}/{perceived}", self.classes_by_label[native])
        if target == PERCEIVED:
            target = self._perceived_class(perceived)
        return None if target == DROP else target

    def _perceived_class(self, perceived: str | None) -> str:
        if perceived is None:
            return DROP
        return (
            self.policy[perceived]
            if self.classes_by_label[perceived] == PERCEIVED
            else self.classes_by_label[perceived]
        )

    def exclude_reason(self, native: str, perceived: str | None) -> str:
        """Return the reason why an utterance has no class."""
        if self.pairs.get(f"{native}/{perceived}", self.classes_by_label[native]) != PERCEIVED:
            return f"label {native!r} is dropped by the policy"
        if perceived is None:
            return f"label {native!r}: no answer was the most frequent one among raters"
        return f"label {native!r}, perceived as {perceived!r}, is dropped by the policy"


def _refuse_unknown(corpus: str, emotions: dict[str, str], overridden: dict[str, str]) -> None:
    allowed = {*emotions, *emotions.values(), ALL}
    for key in overridden:
        native, _, perceived = key.partition("/")
        wrong = native if native not in allowed else perceived if perceived and perceived not in emotions else None
        if wrong is not None:
            near = difflib.get_close_matches(wrong, allowed, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(allowed))}"
            raise UnknownLabel(f"labels.overrides.{corpus}: the corpus has no label {wrong!r} ({hint})")
