"""What worker processes share. It is imported once, by the process that they are copies of.

torch imports `torch._dynamo` when an optimiser or `vmap` is first used: 80 MB that each process would hold. The garbage
collector writes to every object that it looks at, and a page that is written to is no longer shared; `gc.freeze` takes
the objects that exist out of its sight (https://docs.python.org/3/library/gc.html#gc.freeze).
"""

# ruff: noqa: F401
import gc

import sklearn.linear_model
import sklearn.svm
import torch._dynamo

import mer.training.engines.stacked
import mer.training.networks.loop

gc.collect()
gc.freeze()
