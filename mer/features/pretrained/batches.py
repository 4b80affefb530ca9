"""Batches of inputs of similar length, so that little of a batch is padding."""

from collections.abc import Sequence

MAX_PADDING_SHARE = 0.05
"""The largest share of a batch that may be padding."""


def by_length(lengths: Sequence[int], budget: int, padding: float | None = None) -> list[list[int]]:
    """Return batches of the numbers of inputs, the longest first.

    A batch ends if one input more would exceed the budget or make too much of the batch padding. The share of padding
    is therefore bounded for all lengths; inputs of very different lengths do not share a batch.

    Args:
        lengths: lengths of the inputs, each at least 1.
        budget: the largest length of a batch, padding included; a longer input is a batch of one.
        padding: the largest share of a batch that may be padding; None for `MAX_PADDING_SHARE`. With 0, only inputs of
            equal length share a batch.

    >>> by_length([3, 100, 99, 3], budget=150)
    [[1], [2], [0, 3]]
    """
    share = MAX_PADDING_SHARE if padding is None else padding
    batches: list[list[int]] = []
    longest = total = 0
    for number in sorted(range(len(lengths)), key=lambda n: -lengths[n]):  # stable, so the order is fixed
        padded = longest * (len(batches[-1]) + 1) if batches else 0
        if not batches or padded > budget or padded - total - lengths[number] > share * padded:
            batches.append([])
            longest, total = lengths[number], 0
        batches[-1].append(number)
        total += lengths[number]
    return batches
