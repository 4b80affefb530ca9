"""Computing what a store lacks, a shard at a time: what was finished before an interruption stays."""

from collections.abc import Callable, Sequence

from tqdm import tqdm

from mer.features.extractor import Absent
from mer.features.store import Store

SHARD = 2048
"""inputs between two savings"""


def fill(
    store: Store, keys: Sequence[str | None], compute: Callable[[list[str]], list], what: str, shard: int = SHARD
) -> None:
    """Compute and add the keys that the store does not have.

    Args:
        compute: keys -> as many vectors, or `Absent`.
        what: names the progress bar.
        shard: inputs between two savings.
    """
    todo = store.missing([key for key in keys if key])
    with tqdm(total=len(todo), desc=what, unit="utt", disable=not todo, mininterval=1.0) as bar:
        for first in range(0, len(todo), shard):
            part = todo[first : first + shard]
            results = compute(part)
            gone = [isinstance(r, Absent) for r in results]
            store.add(
                part,
                [None if no else r for r, no in zip(results, gone, strict=True)],
                [r.reason if no else None for r, no in zip(results, gone, strict=True)],
            )
            bar.update(len(part))
