"""The interface of all extractors: functions from recordings, texts or videos to vectors."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel
from threadpoolctl import ThreadpoolController


@dataclass(frozen=True)
class Unavailable:
    """A vector that cannot be computed, with the reason. The utterance lacks the input, which differs from zeros."""

    reason: str


VectorFunction = Callable[[Sequence[Any]], list[np.ndarray | Unavailable]]
"""A function from items to as many vectors, float32 of shape (width,). A vector does not depend on the other items."""


@dataclass(frozen=True)
class Resources:
    """The resources of a computation. `jobs` changes no result; the device may change its last bits.

    Attributes:
        device: the device of networks: cpu, cuda or mps.
        jobs: the number of threads of everything else.
    """

    device: str = "cpu"
    jobs: int = 1


Scaling = Literal["each", "shared", "idf"]
"""How dimensions are scaled in training (mer/training/scaling/standardise.py): `each` by itself, all by one `shared`
number, or by one number and each by its inverse document frequency (`idf`)."""


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """An extractor. No field has a default that could be wrong, because everything must be stated.

    Attributes:
        version: version of the computation; it is raised if the same input gives other values.
        describe: function from the section to everything else that determines a vector, `width` included. It contains
            digests of files instead of their paths.
        open: function from the section and the resources to the function that computes vectors.
        scaling: how the vectors are scaled in training.
        trained: whether it contains parameters that were trained on recordings, images or texts. Those may include
            test rows of a study.
        names: function from the section to the names of the dimensions; None if they have numbers only.
        stored: function from the section to the section whose vectors are stored, if an input's vectors are columns of
            them (mer/features/store.py); None if an input's own vectors are stored.
    """

    version: int
    describe: Callable[[BaseModel], dict]
    open: Callable[[BaseModel, Resources], VectorFunction]
    scaling: Scaling
    trained: bool
    names: Callable[[BaseModel], list[str]] | None = None
    stored: Callable[[BaseModel], BaseModel] | None = None

    def __post_init__(self) -> None:
        if self.scaling not in get_args(Scaling) or not isinstance(self.trained, bool):
            raise ValueError(f"scaling is {self.scaling!r}, trained {self.trained!r}; an extractor is scaled by one of "
                             f"{', '.join(get_args(Scaling))}, and trained is true or false")  # fmt: skip


def one_by_one(
    vector: Callable[[BaseModel], Callable[[Any], np.ndarray | Unavailable]],
) -> Callable[[BaseModel, Resources], VectorFunction]:
    """Return the `open` of an extractor that computes each vector separately, in threads.

    BLAS is limited to one thread, because its own threads cost more than they save for products of this size.

    Args:
        vector: function from the section to a function of one input.
    """

    def open_extractor(section: BaseModel, resources: Resources) -> VectorFunction:
        compute_one, libraries = vector(section), ThreadpoolController()

        def compute(inputs: Sequence[Any]) -> list[np.ndarray | Unavailable]:
            with libraries.limit(limits=1, user_api="blas"):
                if resources.jobs <= 1:
                    return [compute_one(one) for one in inputs]
                with ThreadPoolExecutor(resources.jobs) as pool:  # each thread reads its own inputs
                    return list(pool.map(lambda number: compute_one(inputs[number]), range(len(inputs))))

        return compute

    return open_extractor


def specification(name: str, extractor: Extractor, section: BaseModel, **more: Any) -> dict:
    """Return everything that determines a vector except its recording, text or video. It is the address of a store.

    Args:
        more: parameters of the preparation of inputs, such as decoding.
    """
    return {"extractor": name, "version": extractor.version, **more, **extractor.describe(section)}
