"""Extractors and classifiers as estimators of scikit-learn."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

import mer
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.job import Job
from mer.training.task import Task

N = 90


@pytest.fixture
def data():
    """Three classes, 9 speakers; the first columns tell the class."""
    random = np.random.default_rng(0)
    numbers = np.arange(N) % 3
    X = random.normal(size=(N, 8)).astype(np.float32)
    X[:, :3] += 2 * np.eye(3)[numbers]
    return X, np.array(["anger", "fear", "neutral"])[numbers], np.array([f"s{n // 10}" for n in range(N)])


@pytest.mark.parametrize("model", ["logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf", "gated", "concat"])
def test_every_model_trains_and_predicts_probabilities(model, data):
    X, y, speakers = data
    training = {"epochs": 15, "hidden": 8, "batch_size": 16, "learning_rate": 1e-2}
    classifier = mer.EmotionClassifier(model, training=training).fit(X, y, groups=speakers)
    p = classifier.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1)
    assert classifier.score(X, y) > 0.7
    assert (classifier.predict(X) == classifier.classes_[p.argmax(1)]).all()
    again = clone(classifier).fit(X, y, groups=speakers)
    np.testing.assert_array_equal(again.predict_proba(X), p)


def test_predictions_are_those_of_a_training_of_a_study(data):
    X, y, speakers = data
    classifier = mer.EmotionClassifier("logistic", seed=3).fit(X, y, groups=speakers)
    validation = classifier.validation_
    features = Features({"audio": X}, {"audio": np.ones(N, bool)})
    task = Task(features, np.unique(y, return_inverse=True)[1], np.full(N, "all"), 3)
    rows = np.arange(N)
    parts = rows[~validation], rows[validation], rows[:0]
    job = Job("x", None, System(model="logistic", inputs=("audio",)), Training(), 3, *parts)
    expected = grid.fit_job(task, job, "cpu").predict(features, rows)
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)


def test_validation_speakers_are_in_no_training_row(data):
    X, y, speakers = data
    for seed in range(5):
        fitted = mer.EmotionClassifier(validation=0.3, seed=seed).fit(X, y, groups=speakers)
        own = fitted.validation_
        assert len(set(speakers[own])) == 3
        assert not set(speakers[own]) & set(speakers[~own])
    alone = mer.EmotionClassifier(validation=0.5).fit(
        X[:20], np.where(np.arange(20) < 10, "a", "b"), groups=speakers[:20]
    )
    assert not alone.validation_.any()  # each speaker alone has a class


def test_pipelines_searches_and_cross_validation_work_with_groups(data):
    X, y, speakers = data
    parameters = {"model": ["logistic", "ridge"], "seed": [0, 1]}
    search = GridSearchCV(mer.EmotionClassifier(), parameters, cv=GroupKFold(3)).fit(X, y, groups=speakers)
    assert search.best_score_ > 0.7
    p = cross_val_predict(mer.EmotionClassifier(), X, y, cv=GroupKFold(3), groups=speakers, method="predict_proba")
    assert p.shape == (N, 3)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = mer.EmotionClassifier(validation=0.3).set_fit_request(groups=True)
        search = GridSearchCV(routed, {"model": ["logistic"]}, cv=GroupKFold(3)).fit(X, y, groups=speakers)
        own = search.best_estimator_.validation_
        assert not set(speakers[own]) & set(speakers[~own])


def test_columns_may_be_inputs_of_several_modalities(data):
    X, y, speakers = data
    inputs = {"audio": slice(0, 4), "text": [4, 5, 6, 7]}
    classifier = mer.EmotionClassifier("gated", inputs=inputs, training={"epochs": 3, "hidden": 4}).fit(X, y, speakers)
    assert list(classifier.model_.standardiser.moments) == ["audio", "text"]
    assert classifier.predict_proba(X).shape == (N, 3)


def test_extractor_and_classifier_are_a_pipeline(data):
    random = np.random.default_rng(0)
    tones = [np.sin(np.arange(8000) * (0.05 if n % 2 else 0.3) + random.normal()).astype(np.float32) for n in range(20)]
    y = np.where(np.arange(20) % 2, "low", "high")
    extractor = mer.FeatureExtractor("mfcc", sampling_rate=16_000, parameters={"n_mfcc": 4})
    pipeline = make_pipeline(extractor, mer.EmotionClassifier())
    pipeline.fit(tones, y, emotionclassifier__groups=np.arange(20) // 4)
    assert pipeline.score(tones, y) == 1.0
    assert extractor.get_feature_names_out()[0] == "cepstrum 0 mean"
    assert clone(pipeline).get_params()["featureextractor__extractor"] == "mfcc"


def test_faults_are_named(data, tmp_path):
    X, y, speakers = data
    with pytest.raises(ValueError, match="groups: 3 entries for 90 rows"):
        mer.EmotionClassifier().fit(X, y, groups=speakers[:3])
    with pytest.raises(ValueError, match="normalisation other than"):
        mer.EmotionClassifier(training={"normalisation": "speaker"}).fit(X, y)
    with pytest.raises(ValueError, match="two"):
        mer.EmotionClassifier().fit(X, np.full(N, "anger"))
    with pytest.raises(ValueError, match="1 of 1 items have no features"):
        mer.FeatureExtractor("mfcc").transform([tmp_path / "absent.wav"])
