"""Inputs of like length together, so that little of a batch is padding."""

from collections.abc import Sequence

PADDING = 0.05
"""the largest share of a batch that may be padding"""


def by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Return batches of the numbers of inputs, the longest first.

    A batch ends where one input more would pass the budget or make too much of it padding, so the share of padding is
    bounded whatever the lengths are; inputs of very different lengths just do not share a batch.

    Args:
        lengths: of the inputs, each at least 1.
        budget: length of a batch, padding included; an input that is longer by itself is a batch of one.

    >>> by_length([3, 100, 99, 3], budget=150)
    [[1], [2], [0, 3]]
    """
    batches: list[list[int]] = []
    longest = total = 0
    for number in sorted(range(len(lengths)), key=lambda n: -lengths[n]):  # stable, so the order is a fixed one
        padded = longest * (len(batches[-1]) + 1) if batches else 0
        if not batches or padded > budget or padded - total - lengths[number] > PADDING * padded:
            batches.append([])
            longest, total = lengths[number], 0
        batches[-1].append(number)
        total += lengths[number]
    return batches
