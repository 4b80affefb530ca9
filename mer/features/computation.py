"""Computing what a store lacks, a part at a time: what was finished before an interruption stays."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from mer.features.extractor import Unavailable
from mer.features.store import Store


def compute_missing(
    store: Store,
    keys: Sequence[str | None],
    compute: Callable[[list[str]], list],
    what: str,
    sizes: Callable[[list[str]], Sequence[int]] | None = None,
    at_most: int = 0,
) -> None:
    """Compute and add the keys that the store does not have.

    A shard that is damaged is thrown away, with a warning, and computed again. A vector that is not finite is recorded
    as a failure: it would spoil every study that meets it.

    Args:
        compute: keys -> as many vectors, or `Unavailable`.
        what: names the progress bar.
        sizes: keys -> what each asks for, such as its length.
        at_most: the sum of sizes between two savings.
    """
    wanted = [key for key in keys if key]
    store.repair(wanted)
    todo = store.missing(wanted)
    with tqdm(total=len(todo), desc=what, unit="utt", disable=not todo, mininterval=1.0) as bar:
        for part in parts(todo, sizes(todo) if sizes else np.zeros(len(todo)), at_most, store.shard):
            left = store.unavailable(part)
            if left:
                results = [_finite(result) for result in compute(left)]
                gone = [isinstance(r, Unavailable) for r in results]
                store.add(
                    left,
                    [None if no else r for r, no in zip(results, gone, strict=True)],
                    [r.reason if no else None for r, no in zip(results, gone, strict=True)],
                )
            bar.update(len(part))


def parts(keys: Sequence[str], sizes: Sequence[int], at_most: int, count: int) -> Iterator[list[str]]:
    """Yield keys in their order, up to `count` of them or `at_most` in size together; a larger one is by itself.

    >>> list(parts(["a", "b", "c", "d"], [3, 3, 9, 1], 6, 2048))
    [['a', 'b'], ['c'], ['d']]
    """
    part, total = [], 0
    for key, size in zip(keys, sizes, strict=True):
        if part and (len(part) == count or total + size > at_most):
            yield part
            part, total = [], 0
        part.append(key)
        total += size
    if part:
        yield part


def _finite(result: np.ndarray | Unavailable) -> np.ndarray | Unavailable:
    if isinstance(result, np.ndarray) and not np.isfinite(result).all():
        return Unavailable("its vector holds values that are not finite numbers")
    return result
