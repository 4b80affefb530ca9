"""Map native labels to the classes of a study.

The mapping has two steps. A corpus maps its labels to standard emotion names (`Corpus.emotions`), and a policy maps
these names to classes. A name that the policy does not contain is an error. A policy is one of `POLICIES`, or the
study's own (`labels.classes`).
"""

from dataclasses import dataclass

from mer.corpora.corpus import SYNTHETIC, Corpus
from mer.corpora.reading.columns import SPELLINGS
from mer.params.data import OWN, Labels
from mer.params.messages import near

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


@dataclass(frozen=True)
class Policy:
    """The mapping from standard emotion names to classes.

    Attributes:
        name: one of `POLICIES`, or `own`.
        classes: the classes in label order.
        rules: emotion name -> class or `drop`.
    """

    name: str
    classes: tuple[str, ...]
    rules: dict[str, str]


def of_study(section: Labels) -> Policy:
    """Return the policy of a study.

    >>> own = of_study(Labels(classes=("tense", "calm"), map={"anger": "tense", "neutral": "calm"}, drop=("fear",)))
    >>> own.classes, own.rules["anger"], own.rules["calm"], own.rules["fear"], own.rules["boredom"]
    (('tense', 'calm'), 'tense', 'calm', 'drop', 'drop')
    """
    if section.policy != OWN:
        return _named(section.policy)
    own = {name: name for name in section.classes}
    return Policy(OWN, section.classes, _UNUSED | dict.fromkeys(section.drop, DROP) | own | section.map)


def _named(name: str) -> Policy:
    used = set(POLICIES[name].values()) - {DROP}
    return Policy(name, (*(c for c in CLASSES if c in used), *sorted(used - set(CLASSES))), POLICIES[name])


def _policy(policy: "str | Policy") -> Policy:
    return policy if isinstance(policy, Policy) else _named(policy)


def classes(policy: str | Policy) -> tuple[str, ...]:
    """Return the classes of a policy, or of one of `POLICIES` by its name, in label order.

    >>> classes("primary4")
    ('neutral', 'happiness', 'sadness', 'anger')
    """
    return _policy(policy).classes


def mapping(
    policy: str | Policy, corpus: str, emotions: dict[str, str], overrides: dict[str, str] | None = None
) -> "Mapping":
    """Return the mapping of one corpus's labels to the classes of a policy.

    Args:
        policy: the policy, or the name of one of `POLICIES`.
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
    policy, overridden = _policy(policy), dict(overrides or {})
    table, allowed = policy.rules, {*policy.classes, DROP, PERCEIVED}
    _refuse_without_rule(policy, corpus, emotions)
    _refuse_unknown(corpus, emotions, overridden)
    for key, target in overridden.items():
        word = target.removeprefix("map_to_")  # the fork says `map_to_neutral`
        overridden[key] = target if target in allowed else SPELLINGS.get(word, word)
        if overridden[key] not in allowed:
            words = ", ".join(sorted(allowed))
            raise UnknownLabel(f"labels.overrides.{corpus}: {target!r} is not one of {words}{near(target, allowed)}")
    by_policy = {native: table[emotion] for native, emotion in emotions.items()}
    by_label = {
        native: overridden.get(native, overridden.get(emotion, overridden.get(ALL, by_policy[native])))
        for native, emotion in emotions.items()
    }
    return Mapping(by_label, by_policy, {key: target for key, target in overridden.items() if "/" in key})


def mappings(
    policy: str | Policy, corpora: dict[str, Corpus], overrides: dict[str, dict[str, str]]
) -> "dict[str, Mapping]":
    """Return corpus -> the mapping of its labels (see `mapping`)."""
    real_names = {name: name.removesuffix(SYNTHETIC) for name in corpora}  # as in the parameters
    return {
        name: mapping(policy, real_names[name], corpora[name].emotions, overrides.get(real_names[name]))
        for name in corpora
    }


def own_mappings(policy: Policy, corpora: dict[str, Corpus]) -> list[str]:
    """Return the corpora whose emotion names the own policy of a study maps to classes as no policy of MER does."""
    if policy.name != OWN:
        return []
    names = {name: set(corpus.emotions.values()) for name, corpus in corpora.items()}
    return [
        name
        for name, emotions in names.items()
        if not any(all(policy.rules[e] == rules.get(e) for e in emotions) for rules in POLICIES.values())
    ]


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


def _refuse_without_rule(policy: Policy, corpus: str, emotions: dict[str, str]) -> None:
    missing = sorted(set(emotions.values()) - set(policy.rules))
    if missing and policy.name == OWN:
        names = ", ".join(missing)
        raise UnknownLabel(f"labels: no rule for {names} of corpus {corpus}; add each to `map`, `drop` or `classes`")
    if missing:
        raise UnknownLabel(f"labels.policy {policy.name}: no rule for {missing[0]!r} of corpus {corpus}; it has "
                           f"{', '.join(sorted(policy.rules))}")  # fmt: skip


def _refuse_unknown(corpus: str, emotions: dict[str, str], overridden: dict[str, str]) -> None:
    allowed = {*emotions, *emotions.values(), ALL}
    for key in overridden:
        native, _, perceived = key.partition("/")
        wrong = native if native not in allowed else perceived if perceived and perceived not in emotions else None
        if wrong is not None:
            hint = near(wrong, allowed) or f" (it has {', '.join(sorted(allowed))})"
            raise UnknownLabel(f"labels.overrides.{corpus}: the corpus has no label {wrong!r}{hint}")
