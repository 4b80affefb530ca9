"""What every way from a recording or a text to a vector has in common."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel
from threadpoolctl import ThreadpoolController


@dataclass(frozen=True)
class Unavailable:
    """There is no vector, and why: the utterance lacks the modality, which is something else than zeros."""

    reason: str


VectorFunction = Callable[[Sequence[Any]], list[np.ndarray | Unavailable]]
"""inputs -> as many results; float32 of shape (width,). A result does not depend on the other inputs."""


@dataclass(frozen=True)
class Resources:
    """What to compute on: the device of networks, and how many threads for the rest. Neither is part of a result."""

    device: str = "cpu"
    jobs: int = 1


Scaling = Literal["each", "shared", "idf"]
"""how dimensions are scaled where a model is trained (mer/training/scaling/standardise.py): each by itself, all by one
number, or by one number and each by its inverse document frequency"""


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """One way to a vector. It says everything of itself: what it does not say is not assumed.

    Attributes:
        version: a new number for new values.
        describe: its section of the parameters -> what else determines a vector; `width` is among it. Paths are not,
            digests of what lies there are.
        open: the section, and where to compute -> the function that does.
        scaling: how what it gives is scaled.
        trained: whether something in it was learnt from recordings, images or texts, which may be those of a test.
        names: a function from the section to the name of each dimension; None if they are numbered.
    """

    version: int
    describe: Callable[[BaseModel], dict]
    open: Callable[[BaseModel, Resources], VectorFunction]
    scaling: Scaling
    trained: bool
    names: Callable[[BaseModel], list[str]] | None = None

    def __post_init__(self) -> None:
        if self.scaling not in get_args(Scaling) or not isinstance(self.trained, bool):
            raise ValueError(f"scaling is {self.scaling!r}, trained {self.trained!r}; an extractor is scaled by one of "
                             f"{', '.join(get_args(Scaling))}, and trained is true or false")  # fmt: skip


def one_by_one(
    vector: Callable[[BaseModel], Callable[[Any], np.ndarray | Unavailable]],
) -> Callable[[BaseModel, Resources], VectorFunction]:
    """Return the `open` of an extractor that takes each input by itself, in threads.

    BLAS gets one thread meanwhile: for products of this size its own threads wait for each other most of the time.

    Args:
        vector: the section -> a function of one input.
    """

    def open_extractor(section: BaseModel, resources: Resources) -> VectorFunction:
        one, libraries = vector(section), ThreadpoolController()

        def compute(inputs: Sequence[Any]) -> list[np.ndarray | Unavailable]:
            with libraries.limit(limits=1, user_api="blas"):
                if resources.jobs <= 1:
                    return [one(each) for each in inputs]
                with ThreadPoolExecutor(resources.jobs) as pool:  # each thread reads its own inputs
                    return list(pool.map(lambda number: one(inputs[number]), range(len(inputs))))

        return compute

    return open_extractor


def specification(name: str, extractor: Extractor, section: BaseModel, **more: Any) -> dict:
    """Return everything that determines a vector besides its input: the address of a store.

    Args:
        more: what is done to an input before the extractor gets it.
    """
    return {"extractor": name, "version": extractor.version, **more, **extractor.describe(section)}
