"""Named inputs of a study: each is extracted, stored and addressed by itself, and the same extraction is done once."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.dataset.manifest import schema
from mer.features import audio as audio_features
from mer.features import vectors
from mer.params.features import read_inputs
from mer.params.schema import Data


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four utterances of a dialogue, one of which has no recording that can be read and one no transcript."""
    raw = tmp_path_factory.mktemp("raw")
    rows = []
    for n in range(4):
        path, samples = raw / f"{n}.wav", np.sin(np.arange(8000) * (0.1 + n / 10))
        soundfile.write(path, samples, 16_000)
        rows.append({"utterance_id": f"c/{n}", "source_path": path.name, "audio_sha256": files.digest_file(path)})
    (raw / "3.wav").write_bytes(b"RIFF")
    rows[3]["audio_sha256"] = files.digest_file(raw / "3.wav")
    table = pd.DataFrame(rows).assign(corpus="c", speaker_id="c_a", dialogue_id="d", turn_index=range(4), fold=None)
    table = table.assign(lexical_control="free", transcription=["Oh no!", "Why?", None, "Fine."], exclude_reason=None)
    table = table.assign(start=np.nan, end=np.nan, audio_ok=True, duration=0.5, split="train", text_side="a")
    return raw, table


def extracted(corpus, store, sections):
    raw, table = corpus
    inputs = read_inputs(sections)
    stores = features.extract(table, raw, store, inputs, Data(), features.Resources())
    keys, specs = features.keys(table, inputs), features.specs(inputs, Data())
    return stores, keys, specs, features.load(keys, store, specs)


def test_inputs_of_one_modality_have_their_own_vectors(corpus, tmp_path):
    sections = {"audio": {"n_mfcc": 13}, "keys": {"modality": "audio", "n_mfcc": 20}}
    stores, keys, _specs, data = extracted(corpus, tmp_path, sections)
    assert stores["audio"].folder != stores["keys"].folder
    assert keys["audio"] == keys["keys"]
    assert data.widths(("keys", "audio")) == {"keys": 40, "audio": 26}
    assert data.modalities == {"audio": "audio", "keys": "audio"}
    assert data.scaling("keys") == "each"
    assert data.present["keys"].tolist() == [True, True, True, False]
    alone = extracted(corpus, tmp_path / "alone", {"audio": {"n_mfcc": 20}})[3]
    np.testing.assert_array_equal(data.arrays["keys"], alone.arrays["audio"])
    reasons = vectors.failures(stores, keys, schema.usable(corpus[1]), read_inputs(sections))
    assert reasons[["utterance_id", "input", "modality"]].to_numpy().tolist() == [
        ["c/3", "audio", "audio"], ["c/3", "keys", "audio"]]  # fmt: skip
    assert reasons["reason"].str.len().gt(0).all()


def test_inputs_with_the_same_extraction_share_their_vectors(corpus, tmp_path, monkeypatch):
    calls, extract = [], audio_features.extract
    monkeypatch.setattr(audio_features, "extract", lambda *given: calls.append(1) or extract(*given))
    sections = {"audio": {"n_mfcc": 13}, "twin": {"modality": "audio", "n_mfcc": 13}}
    stores, _, specs, data = extracted(corpus, tmp_path, sections)
    assert calls == [1]
    assert specs["audio"] == specs["twin"]
    assert stores["audio"].folder == stores["twin"].folder
    np.testing.assert_array_equal(data.arrays["audio"], data.arrays["twin"])


def test_address_does_not_contain_the_name_of_the_input(corpus, tmp_path):
    one = extracted(corpus, tmp_path, {"audio": {"n_mfcc": 13}})[0]["audio"]
    other = extracted(corpus, tmp_path, {"x": {"modality": "audio", "n_mfcc": 13}})[0]["x"]
    assert one.folder == other.folder
    assert "modality" not in one.spec


def test_each_text_input_reads_its_own_context(corpus, tmp_path):
    sections = {"text": {"dimensions": 32}, "dialogue": {"modality": "text", "dimensions": 32, "context": 1}}
    stores, keys, _, data = extracted(corpus, tmp_path, sections)
    assert keys["text"] == ["Oh no!", "Why?", None, "Fine."]
    assert keys["dialogue"] == ["Oh no!", "Oh no!\x1fWhy?", None, "Why?\x1fFine."]
    assert stores["text"].folder == stores["dialogue"].folder
    assert (data.arrays["text"][0] == data.arrays["dialogue"][0]).all()
    assert (data.arrays["text"][3] != data.arrays["dialogue"][3]).any()


def test_masked_text_of_one_input_is_read_by_another(corpus, tmp_path):
    _raw, table = corpus
    sections = {"text": {}, "read": {"modality": "text", "lexical_control": ["parallel"]}}
    keys = features.keys(table.assign(lexical_control="parallel"), read_inputs(sections))
    assert keys["text"] == [None] * 4
    assert keys["read"] == ["Oh no!", "Why?", None, "Fine."]


def test_input_that_no_utterance_has_is_never_present(corpus, tmp_path):
    raw, table = corpus
    none = table.assign(transcription=None)
    _, keys, _, data = extracted((raw, none), tmp_path, {"text": {"dimensions": 16}})
    assert keys["text"] == [None] * 4
    assert data.arrays["text"].shape == (4, 16)
    assert not data.present["text"].any()


def test_addresses_of_another_study_name_the_missing_input(corpus, tmp_path):
    _, keys, specs, _ = extracted(corpus, tmp_path / "store", {"audio": {"n_mfcc": 13}})
    path = tmp_path / "inputs.parquet"
    features.save_keys(path, corpus[1], keys)
    read = features.read_keys(path, schema.usable(corpus[1])["utterance_id"])
    assert read == keys
    specs = {**specs, "whisper": specs["audio"]}
    with pytest.raises(ValueError, match="no addresses of the input 'whisper', only of audio; run step 02 again"):
        features.load(read, tmp_path / "store", specs)


def test_features_without_a_known_modality_are_refused():
    with pytest.raises(ValueError, match="modality of the input 'whisper' is missing or unknown"):
        features.Features({"whisper": np.zeros((1, 2), np.float32)}, {"whisper": np.ones(1, bool)})


def test_contents_depend_on_vectors_and_lexical_control(corpus, tmp_path):
    sections = {"audio": {"n_mfcc": 13}, "text": {"dimensions": 16}}
    data = extracted(corpus, tmp_path, sections)[3]
    first = vectors.contents(data, read_inputs(sections))
    sections["text"]["lexical_control"] = ["free", "parallel"]
    second = vectors.contents(data, read_inputs(sections))
    assert first["audio"] == second["audio"]
    assert first["text"] != second["text"]


def test_messages_name_the_input_and_not_its_modality(tmp_path):
    absent = str(tmp_path / "absent")
    inputs = read_inputs({
        "whisper": {"modality": "audio", "extractor": "encoder", "model": absent},
        "roberta": {"modality": "text", "extractor": "encoder", "model": absent},
        "face": {"modality": "video", "extractor": "resnet50", "weights": absent},
        "text": {"extractor": "encoder", "model": absent},
    })  # fmt: skip
    for name, parameter in {"whisper": "model", "roberta": "model", "face": "weights", "text": "model"}.items():
        with pytest.raises(FileNotFoundError, match=rf"^features\.{name}\.{parameter}: "):
            features.specs({name: inputs[name]}, Data())


def test_inputs_with_the_same_parameters_are_equal_under_other_names():
    inputs = read_inputs(
        {"first": {"modality": "audio"}, "second": {"modality": "audio"}, "third": {"modality": "text"}}
    )
    assert inputs["first"] == inputs["second"]
    assert hash(inputs["first"]) == hash(inputs["second"])
    assert inputs["first"] != inputs["third"]
    assert [one.location for one in inputs.values()] == ["features.first", "features.second", "features.third"]
