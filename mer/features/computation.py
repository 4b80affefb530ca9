"""Computation of the vectors that a store lacks, in batches. An interruption loses at most one batch."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from mer.features import sharing
from mer.features.extractor import Unavailable
from mer.features.store import Store


def compute_missing(
    store: Store,
    keys: Sequence[str | None],
    compute: Callable[[list[str]], list],
    description: str,
    sizes: Callable[[list[str]], Sequence[int]] | None = None,
    max_size: int = 0,
) -> None:
    """Compute the vectors of keys that the store does not have, and add them to the store.

    A damaged shard is deleted, with a warning, and recomputed. A vector that is not finite is stored as a failure,
    because a single one would make every later computation meaningless.

    Args:
        compute: function from keys to as many vectors or `Unavailable`.
        description: text of the progress bar.
        sizes: function from keys to the size of each, such as its length; None for size 0.
        max_size: largest sum of sizes of a batch. Each batch is saved when it is finished.
    """
    keys = [key for key in keys if key]
    store.repair(keys)
    sharing.fetch(store, keys)
    missing = store.missing(keys)
    with tqdm(total=len(missing), desc=description, unit="utt", disable=not missing, mininterval=1.0) as bar:
        sizes_of_missing = sizes(missing) if sizes else np.zeros(len(missing))
        for batch in save_batches(missing, sizes_of_missing, max_size, store.shard):
            remaining = store.unavailable(batch)
            if remaining:
                _add(store, remaining, [_finite(result) for result in compute(remaining)])
                sharing.put(store, remaining)
            bar.update(len(batch))
    sharing.put(store, keys)


def save_batches(keys: Sequence[str], sizes: Sequence[int], max_size: int, max_count: int) -> Iterator[list[str]]:
    """Yield batches of keys in their order, each limited by its number of keys and by the sum of their sizes.

    A key that is larger than `max_size` is a batch of its own.

    >>> list(save_batches(["a", "b", "c", "d"], [3, 3, 9, 1], 6, 2048))
    [['a', 'b'], ['c'], ['d']]
    """
    batch, total = [], 0
    for key, size in zip(keys, sizes, strict=True):
        if batch and (len(batch) == max_count or total + size > max_size):
            yield batch
            batch, total = [], 0
        batch.append(key)
        total += size
    if batch:
        yield batch


def _add(store: Store, keys: Sequence[str], results: Sequence[np.ndarray | Unavailable]) -> None:
    vectors = [None if isinstance(result, Unavailable) else result for result in results]
    store.add(keys, vectors, [result.reason if isinstance(result, Unavailable) else None for result in results])


def _finite(result: np.ndarray | Unavailable) -> np.ndarray | Unavailable:
    if isinstance(result, np.ndarray) and not np.isfinite(result).all():
        return Unavailable("its vector contains values that are not finite")
    return result
