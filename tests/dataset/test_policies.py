"""The policies: the classes to which the labels of every corpus are mapped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.corpora import CORPORA
from mer.dataset.manifest import labels
from mer.params.data import OVERRIDE_WORDS, Labels

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


FREE = {"neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "calm", "amusement", "excitement",
        "contempt", "sleepiness", "frustration"}  # fmt: skip
"""The emotion names of which an own policy must say what they are."""
class_names = st.text(st.characters(blacklist_categories=["C", "Z"], blacklist_characters="+"), min_size=1, max_size=9)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_own_policies_map_every_label_as_they_say(data):
    names = class_names.filter(lambda name: name not in (*OVERRIDE_WORDS, *labels.POLICIES["paper7"]))
    classes = data.draw(st.lists(names, min_size=2, max_size=6, unique_by=str.casefold))
    targets = {name: data.draw(st.sampled_from([*classes, labels.DROP])) for name in sorted(FREE)}
    section = Labels(
        classes=classes,
        map={name: target for name, target in targets.items() if target != labels.DROP},
        drop=[name for name, target in targets.items() if target == labels.DROP],
    )
    assert Labels(**section.model_dump(mode="json")) == section
    policy = labels.of_study(section)
    assert policy.classes == tuple(classes)  # the order as written
    for corpus in CORPORA.values():
        mapped = labels.mapping(policy, corpus.name, corpus.emotions).classes
        wanted = {native: targets.get(noun, labels.DROP) for native, noun in corpus.emotions.items()}
        assert mapped == {native: None if target == labels.DROP else target for native, target in wanted.items()}


def test_own_policies_may_contain_standard_names_and_take_overrides():
    section = Labels(classes=["joy", "anger", "calm"], map={"happiness": "joy", "neutral": "calm"},
                     drop=["sadness", "surprise", "fear", "disgust"])  # fmt: skip
    policy = labels.of_study(section)
    ravdess = labels.mapping(policy, "ravdess", CORPORA["ravdess"].emotions, {"fear": "joy", "06": "drop"}).classes
    assert ravdess == {"01": "calm", "02": "calm", "03": "joy", "04": None, "05": "anger", "06": None, "07": None,
                       "08": None}  # fmt: skip
    with pytest.raises(labels.UnknownLabel, match=r"'angr' is not one of .*did you mean 'anger'"):
        labels.mapping(policy, "ravdess", CORPORA["ravdess"].emotions, {"06": "angr"})
    with pytest.raises(labels.UnknownLabel, match="labels: no rule for contempt of corpus mead; add each to `map`"):
        labels.mapping(policy, "mead", CORPORA["mead"].emotions)


def test_own_mappings_are_those_that_no_named_policy_has():
    corpora = {name: CORPORA[name] for name in ("emodb", "iemocap", "emovdb")}
    assert labels.own_mappings(labels.of_study(Labels(policy="fork7")), corpora) == []
    seven = {"classes": labels.CLASSES, "map": {"calm": "neutral", "amusement": "happiness", "excitement": "happiness"}}
    same = Labels(**seven, drop=["contempt", "sleepiness", "frustration"])
    assert labels.own_mappings(labels.of_study(same), corpora) == []
    other = Labels(**seven, drop=["contempt", "frustration"])
    sleepy = other.model_copy(update={"map": {**other.map, "sleepiness": "sadness"}})
    assert labels.own_mappings(labels.of_study(sleepy), corpora) == ["emovdb"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"classes": ["tense"]}, "two or more `classes`"),
        ({"map": {"anger": "tense"}}, "`map` is for an own policy"),
        ({"classes": ["a", "b"], "policy": "paper7"}, "`classes` is for an own policy"),
        ({"policy": "own"}, "two or more `classes`"),
        ({"classes": ["Calm", "calm"]}, "'Calm' and 'calm' are one class"),
        ({"classes": ["calm", " tense"]}, "' tense' is no name"),
        ({"classes": ["calm", ""]}, "'' is no name"),
        ({"classes": ["calm", "drop"]}, "'drop' cannot be a class"),
        ({"classes": ["calm", "a+b"]}, r"'a\+b' cannot be a class"),
        ({"classes": ["calm", "tense"], "map": {"anger": "tens"}}, r"map.anger: 'tens' .* \(did you mean 'tense'\?\)"),
        ({"classes": ["calm", "anger"], "map": {"anger": "calm"}}, "'anger' is a class itself"),
        ({"classes": ["calm", "anger"], "drop": ["calm"]}, "drop: 'calm' has a class, too"),
        ({"classes": ["a", "b"], "map": {"fear": "a"}, "drop": ["fear"]}, "drop: 'fear' has a class, too"),
    ],
)
def test_contradictory_policies_are_refused(section, message):
    with pytest.raises(ValueError, match=message):
        Labels(**section)
