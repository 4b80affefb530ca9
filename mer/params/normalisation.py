"""The kinds of `training.normalisation`: the one list of them, and of those that look at the test corpus."""

from typing import Literal, get_args

Normalisation = Literal["none", "training", "corpus", "speaker", "speaker_shrunk", "ranks", "corpus_ranks",
                        "speaker_ranks", "coral"]  # fmt: skip
"""The kinds. `none` and `training` stand alone; each of the others is a stage, and stages can be applied in order."""
Group = Literal["corpus", "speaker"]
"""The rows whose unlabelled features a stage takes its statistics from."""
GROUPS: dict[str, Group] = {
    "corpus": "corpus", "corpus_ranks": "corpus", "coral": "corpus",
    "speaker": "speaker", "speaker_shrunk": "speaker", "speaker_ranks": "speaker",
}  # fmt: skip
"""Stage -> the group that it reads. A stage that is listed here reads unlabelled rows of the test corpus, so a system
with it is transductive."""
FITTED = ("speaker_shrunk", "ranks", "coral")
"""The stages in which training rows determine the features of all rows. The features differ from job to job."""


def stages(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the stages of a value of `training.normalisation`, in order.

    >>> stages("training"), stages("corpus"), stages(("corpus", "speaker_shrunk"))
    ((), ('corpus',), ('corpus', 'speaker_shrunk'))
    """
    kinds = (value,) if isinstance(value, str) else value
    return tuple(kind for kind in kinds if kind not in ("none", "training"))


def groups(value: str | tuple[str, ...]) -> frozenset[Group]:
    """Return the groups whose unlabelled rows a value of `training.normalisation` reads; empty if it reads none.

    >>> sorted(groups(("corpus", "speaker"))), sorted(groups("ranks"))
    (['corpus', 'speaker'], [])
    """
    return frozenset(GROUPS[kind] for kind in stages(value) if kind in GROUPS)


def check(value: str | tuple[str, ...]) -> None:
    """Refuse lists of stages that mean nothing.

    Raises:
        ValueError: a list is empty, names a kind twice, or has a kind that stands alone.
    """
    if isinstance(value, str):
        return
    if not value:
        raise ValueError(f"an empty list; name at least one of {', '.join(get_args(Normalisation))}")
    if alone := [kind for kind in value if kind in ("none", "training")]:
        raise ValueError(f"{alone[0]!r} stands alone: write `normalisation: {alone[0]}`, or leave it out of the list")
    if twice := [kind for kind in value if value.count(kind) > 1]:
        raise ValueError(f"{twice[0]!r} is named twice")
