"""Classical models, found by name. Each is a module with `fit`, which trains it, and `MODEL`, the class of the result.

`MODEL` is a `TrainedModel` with `from_tensors`, by which a checkpoint is loaded. The modules `classifier`,
`kernel_machine` and `least_squares` are no models; models share them.
"""

from importlib import import_module
from types import ModuleType


def module(name: str) -> ModuleType:
    """Return the module of a classical model.

    >>> module("ridge").MODEL.__name__
    'TrainedLinear'
    """
    return import_module(f"mer.training.baselines.{name}")
