"""The policies: the classes to which the labels of every corpus are mapped."""

import pytest

from mer.corpora import CORPORA
from mer.dataset.manifest import labels

SEVEN = {
    "afew": "Neutral neutral Happy happiness Sad sadness Surprise surprise Fear fear Disgust disgust Angry anger",
    "emorynlp": "Neutral neutral Joyful happiness Sad sadness Scared fear Mad anger Peaceful - Powerful -",
    "emovdb": "Neutral neutral Amused happiness Disgust disgust Angry anger Sleepy -",
    "esd_mandarin": "Neutral neutral Happy happiness Sad sadness Surprise surprise Angry anger",
    "iemocap": "neu neutral hap happiness exc happiness sad sadness sur surprise fea fear dis disgust ang anger "
    "fru - oth - xxx -",
    "mead": "neutral neutral happy happiness sad sadness surprised surprise fear fear disgusted disgust angry anger "
    "contempt -",
    "mosei": "none neutral happy happiness sad sadness surprise surprise fear fear disgust disgust anger anger tie -",
    "ravdess": "01 neutral 02 neutral 03 happiness 04 sadness 05 anger 06 fear 07 disgust 08 surprise",
    "ravdess_song": "01 neutral 02 neutral 03 happiness 04 sadness 05 anger 06 fear",
    "savee": "n neutral h happiness sa sadness su surprise f fear d disgust a anger",
    "tess": "neutral neutral happy happiness sad sadness ps surprise fear fear disgust disgust angry anger",
}


def mapped(policy, name, overrides=None):
    return labels.mapping(policy, name, CORPORA[name].emotions, overrides).classes


def table(text):
    words = text.split()
    return {native: None if noun == "-" else noun for native, noun in zip(words[::2], words[1::2], strict=True)}


@pytest.mark.parametrize("name", SEVEN)
def test_paper7_maps_labels_as_the_paper(name):
    assert mapped("paper7", name) == table(SEVEN[name])


@pytest.mark.parametrize("name", SEVEN)
def test_fork7_differs_in_frustration_only(name):
    assert mapped("fork7", name) == table(SEVEN[name]) | ({"fru": "anger"} if name == "iemocap" else {})


@pytest.mark.parametrize("name", SEVEN)
def test_primary4_has_four_classes_without_calm_and_amused(name):
    four = {"neutral", "happiness", "sadness", "anger"}
    dropped = {"ravdess": {"02"}, "ravdess_song": {"02"}, "emovdb": {"Amused"}}.get(name, set())
    wanted = {
        native: noun if noun in four and native not in dropped else None for native, noun in table(SEVEN[name]).items()
    }
    assert mapped("primary4", name) == wanted


def test_iemocap6_separates_excited_and_frustrated():
    kept = {native: noun for native, noun in mapped("iemocap6", "iemocap").items() if noun}
    assert kept == {
        "neu": "neutral",
        "hap": "happiness",
        "sad": "sadness",
        "ang": "anger",
        "exc": "excitement",
        "fru": "frustration",
    }


@pytest.mark.parametrize(
    ("name", "override", "native", "target"),
    [
        ("mead", {"contempt": "disgust"}, "contempt", "disgust"),
        ("emovdb", {"sleepiness": "neutral"}, "Sleepy", "neutral"),
        ("emovdb", {"Amused": "drop"}, "Amused", None),
        ("ravdess", {"calm": "drop"}, "02", None),
        ("ravdess_song", {"02": "drop"}, "02", None),
        ("iemocap", {"exc": "drop"}, "exc", None),
        ("mosei", {"none": "drop"}, "none", None),
        ("emorynlp", {"Peaceful": "neutral"}, "Peaceful", "neutral"),
    ],
)
def test_overrides_change_labels_of_single_corpora(name, override, native, target):
    assert mapped("paper7", name)[native] != target
    assert mapped("paper7", name, override) == mapped("paper7", name) | {native: target}


@pytest.mark.parametrize("policy", labels.POLICIES)
def test_every_policy_has_the_same_emotion_names(policy):
    nouns = {noun for corpus in CORPORA.values() for noun in corpus.emotions.values()}
    assert set(labels.POLICIES[policy]) == set(labels.POLICIES["paper7"])
    assert set(labels.POLICIES[policy]) >= nouns


def test_cremad_can_use_perceived_labels():
    mapping = labels.mapping("paper7", "cremad", CORPORA["cremad"].emotions, {"all": "perceived"})
    assert mapping("ANG", "A") == "anger"
    assert mapping("ANG", "N") == "neutral"
    assert mapping("ANG", None) is None
    assert "most frequent" in mapping.exclude_reason("ANG", None)


def test_turns_of_iemocap_without_majority_can_be_used():
    emotions = CORPORA["iemocap"].emotions
    most = labels.mapping("paper7", "iemocap", emotions, {"xxx": "perceived"})
    assert most("xxx", "sad") == "sadness"
    assert most("xxx", "fru") is None
    assert "perceived as 'fru'" in most.exclude_reason("xxx", "fru")
    assert labels.mapping("paper7", "iemocap", emotions, {"xxx": "perceived", "fru": "anger"})("xxx", "fru") == "anger"
    only = labels.mapping("iemocap6", "iemocap", emotions, {"xxx/hap": "happiness"})
    assert only("xxx", "hap") == "happiness"
    assert only("xxx", "sad") is None
    assert only("hap", "sad") == "happiness"


@pytest.mark.parametrize("key", ["xxx/joy", "yyy", "yyy/hap", "/hap"])
def test_an_override_of_an_unknown_label_is_refused(key):
    with pytest.raises(labels.UnknownLabel, match="the corpus has no label"):
        labels.mapping("paper7", "iemocap", CORPORA["iemocap"].emotions, {key: "drop"})
