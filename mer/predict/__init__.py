"""One's own files in, predictions out: `load(folder)(path)`, or `python -m mer.predict`."""

from mer.predict.inputs.requests import Asked, collect
from mer.predict.inputs.segments import Settings
from mer.predict.outputs.prediction import Answer
from mer.predict.predictor import Predictor, load

__all__ = ["Answer", "Asked", "Predictor", "Settings", "collect", "load"]
