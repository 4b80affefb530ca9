"""The average of a network's weights along its training, which is validated and stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mer.params.schema import Training
from mer.training.networks.progress import EpochProgress

AVERAGING_POWER = 3
"""The power with which late epochs count more in the mean over epochs (Shamir and Zhang 2013, polynomial-decay
averaging)."""


def epoch_share(epoch: Any) -> Any:
    """Return the share of the latest weights in the mean over epochs.

    Args:
        epoch: number of the epoch that ends, from 0; a number or a tensor of numbers.

    >>> epoch_share(0), epoch_share(4)
    (1.0, 0.5)
    """
    return (AVERAGING_POWER + 1) / (epoch + 1 + AVERAGING_POWER)


class AveragedWeights:
    """A training whose average follows its weights after each training step (`ema`) or epoch (`epochs`).

    Subclasses have `training`, `progress` and `average`, which is None without averaging, and the three methods below.
    """

    training: Training
    progress: EpochProgress
    average: Any

    def copy_weights(self) -> Any:
        """Return a copy of the weights."""
        raise NotImplementedError

    def set_weights(self, weights: Any) -> None:
        """Give the network these weights."""
        raise NotImplementedError

    def _update_average(self, share: float) -> None:
        raise NotImplementedError

    def follow_step(self, number: int) -> None:
        """Update the exponential average after a training step; it follows faster in early steps.

        Args:
            number: number of the step in this epoch, from 0.
        """
        if self.training.averaging == "ema":
            steps = self.progress.epoch * self.progress.steps + number + 1
            self._update_average(1 - min(self.training.ema_decay, (1 + steps) / (10 + steps)))

    @contextmanager
    def use_averaged_weights(self) -> Iterator[None]:
        """Give the network, for as long as the context lasts, the weights that are validated."""
        if self.training.averaging == "epochs":
            self._update_average(epoch_share(self.progress.epoch))
        if self.average is None:
            yield
            return
        current = self.copy_weights()
        self.set_weights(self.average)
        yield
        self.set_weights(current)
