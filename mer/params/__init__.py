"""Typed parameters: load, override, validate, resolve."""

from mer.params.load import ParamsError, dump, load
from mer.params.run import MissingInput, Run, Undeclared, open_run
from mer.params.schema import Params

__all__ = ["MissingInput", "Params", "ParamsError", "Run", "Undeclared", "dump", "load", "open_run"]
