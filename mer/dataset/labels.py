"""From native labels to the classes of a study. A policy is data; nothing is guessed.

Two steps: a corpus says which noun its code stands for (`Corpus.emotions`), and a policy says to which
class a noun belongs. A noun that a policy does not name is an error, never class 0.
"""

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
"""Label order 0..6, as in the paper's code."""

DROP = "drop"
SPELLINGS = {"joy": "happiness", "happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear",
             "disgusted": "disgust", "surprised": "surprise"}  # fmt: skip

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


def mapping(
    policy: str, corpus: str, emotions: dict[str, str], overrides: dict[str, str] | None = None
) -> dict[str, str | None]:
    """Return native label -> class (None: dropped) for one corpus.

    Args:
        emotions: the corpus's native label -> noun.
        overrides: native label or noun -> class, noun or `drop`, on top of the policy.

    Raises:
        UnknownLabel: the policy lacks a noun of the corpus, or an override names no label or no class.

    >>> mapping("paper7", "ravdess", {"02": "calm", "05": "anger"}, {"calm": "drop"})
    {'02': None, '05': 'anger'}
    """
    table, chosen = POLICIES[policy], dict(overrides or {})
    allowed = {*classes(policy), DROP}
    result: dict[str, str | None] = {}
    for native, noun in emotions.items():
        if noun not in table:
            raise UnknownLabel(
                f"labels.policy {policy}: no rule for {noun!r} of corpus {corpus}; add one to labels.overrides.{corpus}"
            )
        target = chosen.get(native, chosen.get(noun, table[noun]))
        target = SPELLINGS.get(target, target)
        if target not in allowed:
            raise UnknownLabel(f"labels.overrides.{corpus}: {target!r} is not one of {', '.join(sorted(allowed))}")
        result[native] = None if target == DROP else target
    unknown = set(chosen) - set(emotions) - set(emotions.values())
    if unknown:
        known = ", ".join(sorted({*emotions, *emotions.values()}))
        raise UnknownLabel(f"labels.overrides.{corpus}: the corpus has no label {sorted(unknown)[0]!r}; it has {known}")
    return result
