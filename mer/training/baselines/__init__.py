"""Classical models, found by name. Each is a module with `fit`, which trains it, and `MODEL`, the class of the result.

`fit(task, train, validation, *, inputs, training)` is called with row numbers of the task, the names of the inputs and
the training parameters. `MODEL` is a `TrainedModel` with `from_tensors(tensors, standardiser)`, to load checkpoints.
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
