"""Load and check the parameters of a study, and open a study for a notebook."""

from mer.params.load import ParamsError, dump, load
from mer.params.run import MissingInput, Run, UndeclaredAccess, open_run
from mer.params.schema import Params

__all__ = ["MissingInput", "Params", "ParamsError", "Run", "UndeclaredAccess", "dump", "load", "open_run"]
