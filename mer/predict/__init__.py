"""Prediction for your own files: `load(folder)(path)`, or `python -m mer.predict`."""

from mer.predict.inputs.requests import Request, collect_requests
from mer.predict.inputs.segments import PredictionSettings
from mer.predict.outputs.prediction import Prediction
from mer.predict.predictor import Predictor, load

__all__ = ["Prediction", "PredictionSettings", "Predictor", "Request", "collect_requests", "load"]
