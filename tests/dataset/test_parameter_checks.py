"""Parameters that are refused before anything runs."""

import pytest

from mer.dataset.manifest import parameter_checks
from mer.params.schema import Params
from tests.corpora.trees import put


@pytest.mark.parametrize(
    ("study", "told"),
    [
        ({}, None),
        ({"labels": {"laut": "Angry", "leise": "other"}}, None),
        (
            {"labels": {"laut": "agner"}},
            "corpora.mine.labels.laut: there is no emotion 'agner' (did you mean 'anger'?)",
        ),
        ({"labels": {"laut": "xy"}}, "corpora.mine.labels.laut: there is no emotion 'xy' (known are amusement, anger,"),
        ({"table": "mine/other.csv"}, "mine/other.csv does not exist (below data.raw)"),
    ],
)
def test_problems_of_user_defined_corpora(tmp_path, study, told):
    put(tmp_path, "mine/my.csv", "path,speaker,emotion\na.wav,ann,laut\n")
    params = Params(name="x", data={"raw": str(tmp_path)}, corpora={"mine": {"table": "mine/my.csv"} | study})
    found = parameter_checks.problems(params)
    assert len(found) == (told is not None)
    assert all(told in problem for problem in found)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"emodb": {"boredom": "neutral"}}, None),
        ({"emodb": {"bordeom": "neutral"}}, "labels.overrides.emodb: the corpus has no label 'bordeom' (did you mean"),
        ({"emobd": {}}, "labels.overrides.emobd: there is no such corpus (did you mean 'emodb'?)"),
        ({"cremadh": {}}, "labels.overrides.cremadh: there is no such corpus (did you mean 'cremad'?)"),
        ({"EmoV-DB": {}}, "labels.overrides.EmoV-DB: there is no such corpus (did you mean 'emovdb'?)"),
        ({"emodb": {"boredom": "netural"}}, "labels.overrides.emodb: 'netural' is not one of"),
    ],
)
def test_problems_of_overrides(tmp_path, overrides, told):
    put(tmp_path, "emodb/x")
    params = Params(name="x", data={"raw": str(tmp_path)}, corpora=["emodb"], labels={"overrides": overrides})
    found = parameter_checks.problems(params)
    assert len(found) == (told is not None)
    assert all(told in problem for problem in found)


DROPPED = ["surprise", "fear", "disgust"]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"map": {"anger": "tense", "neutral": "calm"}, "drop": ["happiness", "sadness", *DROPPED]}, None),
        (
            {"map": {"agner": "tense", "neutral": "calm"}, "drop": ["happiness", "sadness", *DROPPED]},
            "labels.map.agner: there is no emotion 'agner' (did you mean 'anger'?)",
        ),
        (
            {"map": {"anger": "tense", "neutral": "calm"}, "drop": ["sadnes", "happiness", *DROPPED]},
            "labels.drop: there is no emotion 'sadnes' (did you mean 'sadness'?)",
        ),
        (
            {"map": {"anger": "tense", "neutral": "calm"}, "drop": DROPPED},
            "labels: no rule for happiness, sadness of corpus emodb; add each to `map`, `drop` or `classes`",
        ),
        (
            {"map": {"neutral": "calm"}, "drop": ["anger", "happiness", "sadness", *DROPPED]},
            "labels.classes: no label has the class 'tense' (name its labels in `map` or `overrides`)",
        ),
        (
            {"map": {"neutral": "calm"}, "drop": ["anger", "happiness", "sadness", *DROPPED],
             "overrides": {"emodb": {"W": "tense"}}},
            None,
        ),
    ],
)  # fmt: skip
def test_problems_of_own_policies(tmp_path, policy, told):
    put(tmp_path, "emodb/x")
    labels = {"classes": ["tense", "calm"], **policy}
    params = Params(name="x", data={"raw": str(tmp_path)}, corpora=["emodb"], labels=labels)
    found = parameter_checks.problems(params)
    assert len(found) == (told is not None), found
    assert all(told in problem for problem in found)


def test_classes_may_be_labels_of_a_user_defined_corpus(tmp_path):
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "mine/my.csv", "path,speaker,emotion\na.wav,ann,müde\n")
    others = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "calm", "contempt",
              "excitement", "frustration", "amusement", "sleepiness"]  # fmt: skip
    mine = {"table": "mine/my.csv", "labels": {"müde": "tired", "wach": "awake"}}
    labels = {"classes": ["tired", "awake"], "drop": others}
    assert not parameter_checks.problems(
        Params(name="x", data={"raw": str(tmp_path)}, corpora={"mine": mine}, labels=labels)
    )


def test_labels_of_rows_are_checked(tmp_path):
    put(tmp_path, "emodb/x")
    rows = {"right": {"labels.overrides.emodb": {"boredom": "neutral"}},
            "wrong": {"labels.overrides.emodb": {"bordeom": "neutral"}}}  # fmt: skip
    params = Params(name="x", data={"raw": str(tmp_path)}, corpora=["emodb"], ablations={"rows": rows})
    [problem] = parameter_checks.problems(params)
    assert problem.startswith("ablations.rows.wrong.labels.overrides.emodb: the corpus has no label 'bordeom' (did you")
