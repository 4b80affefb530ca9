"""One's own files in, predictions out: `load(folder)(path)`, or `python -m mer.predict`."""

from mer.predict.answer import Answer
from mer.predict.asked import Asked, collect
from mer.predict.pieces import Settings
from mer.predict.predictor import Predictor, load

__all__ = ["Answer", "Asked", "Predictor", "Settings", "collect", "load"]
