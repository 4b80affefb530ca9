"""Prediction for your own files: `mer.predict(files, model=folder)`, `load(folder)(path)` or `python -m mer.predict`.

The package is also a function, as `mer.features` is.
"""

import sys
from types import ModuleType

from mer.predict.inputs.requests import Request, collect_requests
from mer.predict.inputs.segments import PredictionSettings
from mer.predict.outputs.prediction import Prediction
from mer.predict.predictor import Predictor, load
from mer.predict.table import predict_table

__all__ = [
    "Prediction",
    "PredictionSettings",
    "Predictor",
    "Request",
    "collect_requests",
    "load",
    "predict_table",
]  # fmt: skip


class _Predict(ModuleType):
    def __call__(self, sources, model, sr: int | None = None, **options):
        """Return the predictions for files, folders, arrays or the rows of a table (`predict_table`).

        Args:
            sources: paths or arrays, one or several; or a table with a column of paths.
            model: the folder of a model, or a loaded one.
            sr: the sampling rate of arrays, in Hz.
            options: further arguments of `predict_table`.
        """
        return predict_table(sources, model, sampling_rate=sr, **options)


sys.modules[__name__].__class__ = _Predict
