"""Classical models, found by name: modules with `settings`, `fit_all`, `all_logits` and `MODEL`, the result's class.

`settings(training, choose_by)` returns the settings among which a training chooses, and
`fit_all(task, train, settings, *, inputs, training)` one model for each of them. It is called with row numbers of the
task, the names of the inputs and the training parameters. `all_logits(models, features, rows)` predicts with all of
them. `MODEL` is a `TrainedModel` with `from_tensors(tensors, standardiser)`, to load checkpoints.
The modules `classifier`, `kernel_machine` and `least_squares` are no models; models share them.
"""

from importlib import import_module
from types import ModuleType


def module(name: str) -> ModuleType:
    """Return the module of a classical model.

    >>> module("ridge").MODEL.__name__
    'TrainedLinear'
    """
    return import_module(f"mer.training.baselines.{name}")
