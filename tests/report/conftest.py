import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from tests.report.report_rows import result, table


@pytest.fixture
def results():
    pair = {"n": 240, "speakers": 2, "low": np.nan, "high": np.nan}
    return table(
        [
            result(),
            result(seed=1, value=0.1),
            result(metric="WA", value=0.6),
            result(answers="restricted", value=0.6),
            result("svm", value=0.5, transductive=True),
            result(test="nEMO", value=0.3),
            result("svm", "TE$$", 0.4, **pair),
            result(protocol="in_corpus", train_corpora="EMO-DB", value=0.8, answers="restricted"),
            result(protocol="cross_corpus", train_corpora="nEMO", value=0.2, answers="restricted"),
        ]
    )


@pytest.fixture
def manifest():
    return pd.DataFrame(
        {
            "corpus": ["EMO-DB"] * 4 + ["nE$O$"] * 2,
            "family": ["emodb"] * 4 + ["nemo"] * 2,
            "speaker_id": ["e1", "e1", "e2", "e2", "n1", None],
            "gender": ["female", "female", "male", "male", None, None],
            "duration": [3600.0, 1800.0, 2.0, np.nan, 1.5, 2.5],
            "sampling_rate": pd.array([16000, 16000, 44100, None, 24000, 24000], "Int64"),
            "emotion": ["anger", "neutral", "anger", None, "neutral", "happiness"],
            "emotion_raw": ["W", "N", "W", "L", "neutral", "happy"],
            "split": ["train", "validation", "test", None, "train", "train"],
            "exclude_reason": [None, None, None, "label", None, None],
            "source_path": [f"data/raw/{i}.wav" for i in range(6)],
        }
    )


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
