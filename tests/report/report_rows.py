"""Rows of the tidy results table."""

import pandas as pd

COLUMNS = [
    "study", "system", "protocol", "answers", "train_corpora", "test_corpus", "seed", "metric", "value", "low",
    "high", "deviation", "n", "speakers", "classes", "n_seeds", "transductive", "flagged",
    "accepted", "lacks", "outside",
]  # fmt: skip


def result(system="gated", test="EMO-DB", value=0.55, **other):
    row = {
        "study": "demo", "system": system, "protocol": "loco", "answers": "free", "train_corpora": "A+B",
        "test_corpus": test, "seed": None, "metric": "UAR", "value": value, "low": value - 0.07, "high": value + 0.07,
        "deviation": 0.01, "n": 535, "speakers": 10, "classes": 4, "n_seeds": 3, "transductive": False,
        "flagged": False, "accepted": False, "lacks": "", "outside": 0.0,
    }  # fmt: skip
    return row | other


def table(rows):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    integers = dict.fromkeys(["seed", "n", "speakers", "classes", "n_seeds"], "Int64")
    floats = dict.fromkeys(["value", "low", "high", "deviation", "outside"], "float64")
    return frame.astype(integers | floats | dict.fromkeys(["transductive", "flagged", "accepted"], "boolean"))
