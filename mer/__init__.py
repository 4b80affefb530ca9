"""Multi-corpus emotion recognition: corpora, features, fusion and honest cross-corpus numbers.

The names of `__all__` are for notebooks and scripts of users; docs/python.md shows each. They are imported when they
are first used, so that `import mer` takes milliseconds. `features` and `predict` are packages that can also be called.
ARCHITECTURE.md lists the packages; each imports only from those above it.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["EmotionClassifier", "FeatureExtractor", "features", "load_run", "predict", "score", "study_map", "uar"]

# Names without the package: a whole name would make every step depend on the API (mer/code_dependencies.py).
_MODULES = {
    "EmotionClassifier": "api.estimators",
    "FeatureExtractor": "api.estimators",
    "load_run": "api.runs",
    "score": "api.scoring",
    "study_map": "api.overview",
    "uar": "api.metrics",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
