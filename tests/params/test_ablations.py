import pytest
import yaml

from mer import params
from mer.params.ablations import OF_SYSTEMS, SECTIONS, Ablation, study_of
from mer.params.schema import Params, System

STUDY = """
corpora: [emodb, meld, ravdess]
labels: {overrides: {emodb: {boredom: neutral}}}
features:
  audio: {n_mfcc: 13}
  text: {dimensions: 32}
systems:
  gated: {model: gated, inputs: [audio, text], training: {hidden: 8}}
  logistic: {model: logistic, inputs: [audio]}
  late: {model: ensemble, members: [gated, logistic]}
training: {epochs: 3}
"""


def load(tmp_path, rows, **section):
    path = tmp_path / "study.yaml"
    tree = yaml.safe_load(STUDY) | {"ablations": {"rows": rows, **section}}
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return params.load(path)


def test_row_is_the_study_with_its_changes(tmp_path):
    loaded = load(tmp_path, {"softmax": {"training.gate": "softmax"}})
    study = study_of(loaded, "softmax")
    assert list(study.systems) == ["softmax"]
    trained = study.systems["softmax"].training_parameters(study.training)
    reference = loaded.systems["gated"].training_parameters(loaded.training)
    assert trained == reference.model_copy(update={"gate": "softmax"})
    assert study.systems["softmax"].inputs == ("audio", "text")
    for section in set(SECTIONS) - {"systems"}:
        assert getattr(study, section) == getattr(loaded, section), section


def test_every_section_that_a_result_depends_on_is_part_of_a_row():
    without = {"name", "study", "steps", "timeout_minutes", "resources", "dask", "shared", "on_finish", "predict",
               "ablations"}  # fmt: skip
    assert set(SECTIONS) == set(Params.model_fields) - without


def test_every_parameter_of_a_system_can_be_changed():
    assert set(OF_SYSTEMS) == set(System.model_fields)
    assert set(OF_SYSTEMS) < set(Ablation.model_fields)


def test_own_policies_take_the_place_of_named_ones_and_back(tmp_path):
    own = {"classes": ["neutral", "anger"], "drop": ["happiness", "sadness", "surprise", "fear", "disgust"]}
    loaded = load(tmp_path, {"two": {"labels": own}, "four": {"labels.policy": "primary4"}})
    assert study_of(loaded, "two").labels.policy == "own"
    assert study_of(loaded, "two").labels.overrides == loaded.labels.overrides
    assert study_of(loaded, "four").labels.classes == ()


def test_systems_that_train_encoders_are_refused(tmp_path):
    with pytest.raises(params.ParamsError, match="trains its encoder, which step 06 does"):
        load(tmp_path, {"x": {"features.audio": {"extractor": "encoder", "model": "a/b", "train": "all"}}})


def test_inputs_features_labels_and_members_change(tmp_path):
    loaded = load(tmp_path, {
        "audio_only": {"inputs": ["audio"]},
        "wide": {"features.audio": {"n_mfcc": 20}},
        "four": {"labels.policy": "primary4"},
        "other_input": {"features": {"second": {"modality": "audio", "n_mfcc": 5}}, "inputs": ["second", "text"]},
        "pair": {"reference": "late", "weights": "validation"},
        "ridge": {"reference": "logistic", "model": "ridge"},
    })  # fmt: skip
    assert study_of(loaded, "audio_only").inputs_of("audio_only") == ("audio",)
    assert study_of(loaded, "wide").features["audio"].n_mfcc == 20
    four = study_of(loaded, "four")
    assert (four.labels.policy, four.labels.overrides) == ("primary4", loaded.labels.overrides)
    assert list(four.systems) == ["four", "gated", "logistic", "late"]  # all are ranked
    assert study_of(loaded, "other_input").inputs_of("other_input") == ("second", "text")
    assert list(study_of(loaded, "pair").systems) == ["pair", "gated", "logistic"]
    assert study_of(loaded, "ridge").systems["ridge"].model == "ridge"


def test_resolved_parameters_with_rows_load_to_the_same(tmp_path):
    loaded = load(tmp_path, {"softmax": {"training.gate": "softmax"}, "zero": {"zero": ["text"]}}, reference="gated")
    written = tmp_path / "params.yaml"
    written.write_text(params.dump(loaded), encoding="utf-8")
    assert params.load(written) == loaded


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"inputs": ["audi"]}, r"ablations\.rows\.x\.inputs: 'audi' is no input .*did you mean 'audio'"),
        ({"training.gat": "softmax"}, r"ablations\.rows\.x\.training\.gat: .*did you mean 'gate'"),
        ({"training.gate": "sotmax"}, r"ablations\.rows\.x\.training\.gate: .*did you mean 'softmax'"),
        ({"features.audi.n_mfcc": 3}, r"ablations\.rows\.x\.features\.audi: .*did you mean 'audio'"),
        ({"features.audio.n_mfc": 3}, r"ablations\.rows\.x\.features\.audio\.n_mfc: .*did you mean 'n_mfcc'"),
        ({"reference": "logistic", "features.text.dimensions": 3}, r"features\.text: is no input of the row's system"),
        ({"labels.policy": "primary"}, r"ablations\.rows\.x\.labels\.policy: .*did you mean 'primary4'"),
        ({"zero": ["txt"]}, r"ablations\.rows\.x\.zero: 'txt' .*did you mean 'text'"),
        ({"without": ["emodbb"]}, r"ablations\.rows\.x\.without: 'emodbb' .*did you mean 'emodb'"),
        ({"reference": "gatd", "inputs": ["audio"]}, r"ablations\.rows\.x\.reference: .*did you mean 'gated'"),
        ({"training.hidden": 8}, r"ablations\.rows\.x: changes nothing of 'gated'"),
        ({"zero": ["text"], "training.gate": "softmax"}, r"the row can change nothing else"),
        ({"zero": ["text"], "without": ["emodb"]}, r"the row can change nothing else"),
        ({"zero": ["text"], "shuffle": ["text"]}, r"'text' is in `zero` and in `shuffle`"),
        ({"reference": "late", "inputs": ["audio"]}, r"ablations\.rows\.x: an ensemble has no `inputs`"),
        ({"inputz": ["audio"]}, r"ablations\.rows\.x\.inputz: there is no such parameter .*did you mean 'inputs'"),
        ({"training": 3, "training.gate": "softmax"}, r"training has a value of its own"),
    ],
)
def test_wrong_row_is_reported_with_its_place_and_the_nearest_name(tmp_path, row, message):
    with pytest.raises(params.ParamsError, match=message):
        load(tmp_path, {"x": row})


def test_row_cannot_be_called_like_a_system(tmp_path):
    with pytest.raises(params.ParamsError, match=r"ablations\.rows\.gated: 'gated' is the name of a system"):
        load(tmp_path, {"gated": {"inputs": ["audio"]}})


def test_every_wrong_row_is_reported(tmp_path):
    with pytest.raises(params.ParamsError) as caught:
        load(tmp_path, {"one": {"inputs": ["audi"]}, "two": {"zero": ["txt"]}})
    assert "rows.one.inputs" in str(caught.value)
    assert "rows.two.zero" in str(caught.value)


def test_missing_reference_of_the_section_is_reported(tmp_path):
    with pytest.raises(params.ParamsError, match=r"ablations\.reference: 'gatd' .*did you mean 'gated'"):
        load(tmp_path, {"x": {"inputs": ["audio"]}}, reference="gatd")
