"""Checkpoints load completely or are refused with the names of the tensors that do not fit."""

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers

from mer import files
from mer.features import Resources
from mer.features.audio import encoder
from mer.features.pretrained import loading
from mer.features.pretrained.loading import WeightMismatch
from mer.params.schema import AudioFeatures
from tests.features.pretrained import tiny

PARAMETER = "features.audio.model"
WAVEFORM = np.sin(np.arange(16_000) * 0.1).astype("f4")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder of a network with seven classes, and the tensors of the same network fine-tuned for six."""
    folder = tmp_path_factory.mktemp("published")
    tiny.sound(folder / "base", head="ForSequenceClassification")
    other = tiny.sound(folder / "other", head="ForSequenceClassification", num_labels=6)
    tuned = transformers.Wav2Vec2ForSequenceClassification.from_pretrained(other)
    for parameter in tuned.parameters():
        parameter.data.mul_(1.1)
    return folder / "base", {name: tensor.clone() for name, tensor in tuned.state_dict().items()}, tuned.eval()


def vector(folder, weights, **options):
    section = AudioFeatures(extractor="encoder", model=str(folder), weights=str(weights), **options)
    return encoder.open_extractor(section, Resources())([WAVEFORM])[0]


def old_names(tensors):
    """Return the tensors with the names that torch gave the parts of a normalised weight before 2.0."""
    parts = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    return {next((n.replace(new, old) for new, old in parts.items() if new in n), n): t for n, t in tensors.items()}


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors"])
@pytest.mark.parametrize("rename", [dict, old_names])
@pytest.mark.parametrize("inside", [None, "model_state_dict"])
def test_checkpoint_replaces_the_tensors_of_the_folder(name, rename, inside, published, tmp_path):
    folder, tensors, tuned = published
    tensors = rename(tensors)
    if name.endswith("safetensors"):
        safetensors.torch.save_file(tensors, tmp_path / name)
    else:
        torch.save({inside: tensors, "epoch": 3} if inside else tensors, tmp_path / name)
    result = vector(folder, tmp_path / name, layer="projector")
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    with torch.inference_mode():
        values = prepare(WAVEFORM, sampling_rate=16_000, return_tensors="pt").input_values
        state = tuned.wav2vec2(values, output_hidden_states=True)
        np.testing.assert_allclose(result, tuned.projector(state.last_hidden_state)[0].mean(0), atol=1e-5)
        hidden = vector(folder, tmp_path / name, layer=2)
        np.testing.assert_allclose(hidden, state.hidden_states[2][0].mean(0), atol=1e-5)


def test_constants_of_old_versions_are_ignored(tmp_path):
    folder = tiny.text(tmp_path, head="ForSequenceClassification")
    tensors = transformers.RobertaForSequenceClassification.from_pretrained(folder).state_dict()
    tensors["roberta.embeddings.position_ids"] = torch.arange(66)[None]
    torch.save(tensors, tmp_path / "text.pth")
    made = loading.network(folder, tmp_path / "text.pth", True, PARAMETER)
    assert torch.equal(made.classifier.dense.weight, tensors["classifier.dense.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("projector.weight"), "does not fit the Wav2Vec2ForSequenceClassification of base: "
         "no projector.weight$"),
        (lambda t: t.update({"head.weight": torch.zeros(2)}), "unknown head.weight$"),
        (lambda t: t.update({"projector.weight": torch.zeros(5, 24)}),
         r"projector.weight is \(5, 24\) and not \(8, 24\)"),
        (lambda t: [t.pop(n) for n in list(t) if "encoder" in n], "and [0-9]+ more$"),
        (lambda t: t.update({"projector": 3}), "expected a state_dict"),
        (lambda t: t.clear(), "expected a state_dict"),
    ],
)  # fmt: skip
def test_mismatched_tensors_are_named(change, message, published, tmp_path):
    folder, tensors, _ = published
    tensors = dict(tensors)
    change(tensors)
    torch.save(tensors, tmp_path / "w.pt")
    with pytest.raises(WeightMismatch, match=message) as caught:
        vector(folder, tmp_path / "w.pt", layer="projector")
    assert "w.pt" in str(caught.value)


class Evil:
    def __reduce__(self):
        return print, ("ran",)


@pytest.mark.parametrize("content", [Evil(), torch.nn.Linear(2, 2), [torch.zeros(2)], 3])
def test_checkpoint_code_is_not_run(content, published, tmp_path, capsys):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(
        WeightMismatch, match=r"w\.pt: (not readable as a checkpoint of tensors alone|expected a state)"
    ):
        vector(published[0], tmp_path / "w.pt")
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not tensors at all", b"PK\x03\x04" + bytes(100), bytes(64)])
def test_damaged_checkpoints_are_refused(name, content, published, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightMismatch, match="not readable as a checkpoint"):
        vector(published[0], tmp_path / name)


def test_missing_head_is_refused(tmp_path):
    """The head of a network that was never fine-tuned would be random."""
    folder = tiny.sound(tmp_path)
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", {**config, "architectures": ["Wav2Vec2ForSequenceClassification"]})
    with pytest.raises(
        WeightMismatch, match=r"there is no classifier\.bias, classifier\.weight, projector\.bias, proj"
    ):
        loading.network(folder, None, True, PARAMETER)
    loading.network(folder, None, False, PARAMETER)


@pytest.mark.parametrize("names", [None, [], ["Wav2Vec9Model"], ["pipeline"], ["os"], ["AutoModel"]])
def test_only_architectures_of_transformers_are_built(names, tmp_path):
    folder = tiny.sound(tmp_path)
    config = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", {**config, "architectures": names})
    with pytest.raises(WeightMismatch, match=r"`architectures` is .*, which transformers does not have"):
        loading.network(folder, None, True, PARAMETER)


def test_remote_code_is_refused(tmp_path):
    files.write_json(
        tmp_path / "config.json",
        {"model_type": "mine", "auto_map": {"AutoConfig": "code.Mine", "AutoModel": "code.Net"}},
    )
    (tmp_path / "code.py").write_text("print('ran')")
    for published in (True, False):
        with pytest.raises(WeightMismatch, match=r"features\.audio\.model: "):
            loading.network(tmp_path, None, published, PARAMETER)


def test_half_precision_weights_become_float32(tmp_path):
    folder = tiny.sound(tmp_path)
    transformers.AutoModel.from_pretrained(folder).half().save_pretrained(folder)
    assert {p.dtype for p in loading.network(folder, None, False, PARAMETER).parameters()} == {torch.float32}


DAMAGED = [
    b"", b"[]", b"\xff\xfe", b'{"model_type": 3}', b'{"model_type": "wav2vec9"}',
    b'{"model_type": "bert", "vocab_size": "x"}', b'{"model_type": "wav2vec2", "hidden_size": "wide"}',
    b'{"model_type": "wav2vec2", "num_attention_heads": 0}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_configurations_are_refused(content, tmp_path):
    folder = tiny.sound(tmp_path)
    (folder / "config.json").write_bytes(content)
    section = AudioFeatures(extractor="encoder", model=str(folder))
    for do in (lambda: encoder.describe(section), lambda: encoder.open_extractor(section, Resources())):
        with pytest.raises(WeightMismatch, match=rf"^{PARAMETER}: .*"):
            do()


@pytest.mark.parametrize("content", DAMAGED[:3])
def test_damaged_feature_extractors_are_refused(content, tmp_path):
    folder = tiny.sound(tmp_path)
    (folder / "preprocessor_config.json").write_bytes(content)
    with pytest.raises(WeightMismatch, match=rf"^{PARAMETER}: .*preprocessor_config\.json"):
        encoder.open_extractor(AudioFeatures(extractor="encoder", model=str(folder)), Resources())
