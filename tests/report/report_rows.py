"""Rows of the tidy results table."""

import pandas as pd

COLUMNS = [
    "study", "system", "protocol", "answers", "train_corpora", "test_corpus", "seed", "metric", "value", "low",
    "high", "deviation", "n", "speakers", "classes", "n_seeds", "clusters", "n_clusters", "why_none", "chance",
    "p_chance", "p_constant", "transductive", "flagged", "accepted", "capped", "lacks", "outside",
]  # fmt: skip


def result(system="gated", test="EMO-DB", value=0.55, **other):
    row = {
        "study": "demo", "system": system, "protocol": "loco", "answers": "free", "train_corpora": "A+B",
        "test_corpus": test, "seed": None, "metric": "UAR", "value": value, "low": value - 0.07, "high": value + 0.07,
        "deviation": 0.01, "n": 535, "speakers": 10, "classes": 4, "n_seeds": 3, "transductive": False,
        "flagged": False, "accepted": False, "capped": False, "lacks": "", "outside": 0.0,
        "clusters": "speakers", "n_clusters": 10, "why_none": "",
    }  # fmt: skip
    row |= other
    least = 1 / row["classes"] if pd.notna(row["classes"]) else None
    judged = {"p_chance": 0.001 if least and row["low"] and row["low"] > least else 0.2}
    return {"chance": least} | judged | {"p_constant": judged["p_chance"]} | row


def table(rows):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    integers = dict.fromkeys(["seed", "n", "speakers", "classes", "n_seeds", "n_clusters"], "Int64")
    numbers = ["value", "low", "high", "deviation", "chance", "p_chance", "p_constant", "outside"]
    marks = dict.fromkeys(["transductive", "flagged", "accepted", "capped"], "boolean")
    return frame.astype(integers | dict.fromkeys(numbers, "float64") | marks)
