"""Extractors and classifiers of MER as estimators of scikit-learn: in pipelines, cross-validation and grid search."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mer import files
from mer.features import Features, extract_table
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.job import Job
from mer.training.task import Task

ERROR_COLUMN = "error"
"""The last column of a table of features before the features."""


class FeatureExtractor(TransformerMixin, BaseEstimator):
    """An extractor of MER as a transformer of files, arrays or texts. It learns nothing.

    Args:
        extractor: the name of an extractor, such as `functionals`.
        sampling_rate: the sampling rate of arrays, in Hz.
        parameters: further arguments of `mer.features`, such as `{"n_mfcc": 13}`.

    >>> import numpy as np, mer
    >>> extractor = mer.FeatureExtractor("mfcc", sampling_rate=16_000, parameters={"n_mfcc": 2})
    >>> extractor.fit_transform([np.zeros(16_000), np.zeros(8_000)]).shape
    (2, 4)
    """

    def __init__(
        self, extractor: str = "functionals", sampling_rate: int | None = None, parameters: Mapping | None = None
    ) -> None:
        self.extractor = extractor
        self.sampling_rate = sampling_rate
        self.parameters = parameters

    def fit(self, X: Sequence, y: Sequence | None = None) -> "FeatureExtractor":
        """Do nothing."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags

    def transform(self, X: Sequence) -> np.ndarray:
        """Return the features, float32 of shape (items, features).

        Args:
            X: paths, arrays of audio, or texts.

        Raises:
            ValueError: an item has no features; names the first one and the reason.
        """
        sources = X.iloc[:, 0] if isinstance(X, pd.DataFrame) else X
        table = extract_table(list(sources), self.extractor, sampling_rate=self.sampling_rate,
                              **(self.parameters or {}))  # fmt: skip
        if (failed := table[ERROR_COLUMN].notna()).any():
            row = table[failed].iloc[0]
            raise ValueError(f"{failed.sum()} of {len(table)} items have no features, the first is {row['file']}: "
                             f"{row[ERROR_COLUMN]}")  # fmt: skip
        features = table.iloc[:, table.columns.get_loc(ERROR_COLUMN) + 1 :]
        self.feature_names_ = np.array(features.columns, dtype=object)
        return features.to_numpy(np.float32)

    def get_feature_names_out(self, input_features: Sequence | None = None) -> np.ndarray:
        """Return the names of the features of the last `transform`."""
        check_is_fitted(self, "feature_names_")
        return self.feature_names_


class EmotionClassifier(ClassifierMixin, BaseEstimator):
    """A classical model or a network of MER, trained as in a study: scaled, selected and calibrated on validation rows.

    Args:
        model: `logistic`, `ridge`, `kernel_ridge`, `svm_linear`, `svm_rbf`, or a network such as `gated`.
        inputs: modality (`audio`, `video`, `text`) -> its columns, a list or slice; None for one input of all columns.
        validation: the share of the groups whose rows select epoch and regularisation, and calibrate.
        seed: fixes all random numbers of a training, and the validation groups.
        training: parameters of the section `training` of a study, such as `{"epochs": 20, "learning_rate": 1e-3}`.
        device: the device of networks: cpu, cuda or mps.

    Attributes:
        classes_: the labels, sorted.
        model_: the trained model.
        validation_: which rows of the training data were validation rows; bool of shape (n,).

    >>> import numpy as np, mer
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0]] * 12)
    >>> y = ["anger", "neutral"] * 12
    >>> speakers = np.repeat(["ann", "ben", "cem", "dan"], 6)
    >>> classifier = mer.EmotionClassifier("logistic").fit(X, y, groups=speakers)
    >>> classifier.predict(X[:2]).tolist(), classifier.predict_proba(X).shape
    (['anger', 'neutral'], (24, 2))
    """

    def __init__(
        self,
        model: str = "logistic",
        *,
        inputs: Mapping | None = None,
        validation: float = 0.1,
        seed: int = 0,
        training: Mapping | None = None,
        device: str = "cpu",
    ) -> None:
        self.model = model
        self.inputs = inputs
        self.validation = validation
        self.seed = seed
        self.training = training
        self.device = device

    def fit(self, X: np.ndarray, y: Sequence, groups: Sequence | None = None) -> "EmotionClassifier":
        """Train the model.

        Args:
            X: shape (n, features).
            y: labels, shape (n,).
            groups: the speaker of each row. Validation speakers are in no training row. Without groups, each row is a
                group of its own, so that speakers may be in both. In `GridSearchCV` and pipelines, `groups` reaches
                this method if `set_fit_request(groups=True)` and metadata routing ask for it.

        Raises:
            ValueError: a parameter is wrong, or there are fewer than two classes.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        training = Training(**(self.training or {}))
        if training.normalisation != "training":
            raise ValueError("training: a normalisation other than `training` needs a study; leave it out")
        if training.adaptation != "none":
            raise ValueError("training: adaptation needs a study; leave it out")
        self.validation_ = self._validation_rows(len(X), groups, labels)
        rows, none = np.arange(len(X)), np.arange(0)
        features = self._features(X)
        spec = System(model=self.model, inputs=tuple(features.arrays))
        task = Task(features, labels.astype(np.int64), np.full(len(X), "all"), len(self.classes_))
        job = Job("classifier", None, spec, training, self.seed, rows[~self.validation_], rows[self.validation_], none)
        self.model_ = grid.fit_job(task, job, self.device)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, float64 of shape (n, classes), in the order of `classes_`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float32)
        return self.model_.predict(self._features(X), np.arange(len(X)))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable label of each row, shape (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _features(self, X: np.ndarray) -> Features:
        columns = {"audio": slice(None)} if self.inputs is None else dict(self.inputs)
        arrays = {name: np.ascontiguousarray(X[:, own]) for name, own in columns.items()}
        return Features(arrays, {name: np.ones(len(X), bool) for name in arrays})

    def _validation_rows(self, n: int, groups: Sequence | None, labels: np.ndarray) -> np.ndarray:
        """Return which rows are validation rows: those of whole groups, drawn by a hash of seed and name.

        A group is left in training if it alone has a class.
        """
        names = np.asarray([str(n) for n in (range(n) if groups is None else groups)])
        if len(names) != n:
            raise ValueError(f"groups: {len(names)} entries for {n} rows; give one speaker per row of X")
        unique = sorted(set(names), key=lambda name: files.digest([self.seed, name]))
        chosen, count = np.zeros(n, bool), round(self.validation * len(unique)) or int(self.validation > 0)
        for name in unique:
            candidate = chosen | (names == name)
            if count and len(set(labels[~candidate])) == len(set(labels)):
                chosen, count = candidate, count - 1
        return chosen
