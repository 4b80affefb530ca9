"""Pretrained networks that read spectra: Whisper, w2v-BERT and AST, beside transformers' own call."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from mer.features import Resources
from mer.features.audio import encoder
from mer.features.pretrained import batches, loading
from mer.features.pretrained.audio.log_mel import log_mel
from tests.features.audio.test_encoder import RATE, clips, section, vectors
from tests.features.pretrained import tiny

REAL = Path(os.environ.get("MER_REAL_ENCODERS", "/nowhere")) / "whisper-tiny.en"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs MER_REAL_ENCODERS, a folder with whisper-tiny.en")
LENGTHS = [1, 2, 150, 199, 200, 201, 320, 399, 400, 401, 5000, 16_000, 479_700, 479_850, 479_999, 480_000]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("spectra")
    return {kind: make(home / kind) for kind, make in tiny.SPECTRA.items()}


def whisper_states(folder, spectrum):
    """The layers of Whisper's encoder for a spectrum of any length: transformers' forward, its own modules by hand."""
    network = transformers.WhisperModel.from_pretrained(folder, dtype=torch.float32).eval().encoder
    with torch.inference_mode():
        x = torch.nn.functional.gelu(network.conv1(spectrum.T[None]))
        x = torch.nn.functional.gelu(network.conv2(x)).transpose(1, 2)
        states = [x + network.embed_positions.weight[: x.shape[1]]]
        for block in network.layers:
            states.append(block(states[-1], None))
        return [*states[:-1], network.layer_norm(states[-1])]


@pytest.mark.parametrize("samples", LENGTHS)
def test_log_mel_equals_that_of_the_padded_recording(samples):
    prepare = transformers.WhisperFeatureExtractor()
    wave = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    expected = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_features[0].T
    held = 2 * -(-samples // 320)
    for frames in (held, 3000):
        [result] = log_mel([wave], prepare, [frames])
        np.testing.assert_allclose(result, expected[:frames], atol=1e-5)
    together = log_mel([wave, wave[: samples // 2 + 1], wave], prepare, [held] * 3)
    np.testing.assert_allclose(together[2], expected[:held], atol=1e-5)


def test_whisper_reads_30_s_with_full_context(folders):
    [wave] = clips([1.23])
    network = transformers.WhisperModel.from_pretrained(folders["whisper"]).eval().encoder
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(folders["whisper"])
    with torch.inference_mode():
        inputs = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_features
        out = network(inputs, output_hidden_states=True)
    states = [*out.hidden_states[:-1], out.last_hidden_state]
    every = vectors(folders["whisper"], [wave], context="full", layer="all", pooling="mean_std")[0]
    for state, result in zip(states, np.split(every, 4), strict=True):
        held = state[0, :62].numpy()
        np.testing.assert_allclose(result, np.concatenate([held.mean(0), held.std(0)]), atol=1e-5)


def test_whisper_reads_the_recording_alone_with_clip_context(folders):
    waveforms = clips([1.23, 0.5, 0.5, 2.0, 0.01])
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(folders["whisper"])
    every = vectors(folders["whisper"], waveforms, layer="all")
    for wave, result in zip(waveforms, every, strict=True):
        frames = 2 * -(-len(wave) // 320)
        mel = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_features[0].T[:frames]
        expected = np.concatenate([state[0].mean(0) for state in whisper_states(folders["whisper"], mel)])
        np.testing.assert_allclose(result, expected, atol=2e-5)
    assert np.abs(every - vectors(folders["whisper"], waveforms, layer="all", context="full")).max() > 1e-3


@pytest.mark.parametrize("kind", tiny.OTHER_SPECTRA)
def test_other_networks_of_transformers_need_no_code_of_their_own(kind, tmp_path):
    folder = tiny.OTHER_SPECTRA[kind](tmp_path)
    clip, other = (np.random.default_rng(n).normal(0, 0.1, n).astype(np.float32) for n in (11_000, 8000))
    [first, _], [alone] = vectors(folder, [clip, other]), vectors(folder, [clip])
    np.testing.assert_allclose(first, alone, atol=1e-6)
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    encoder = network.get_encoder() if network.config.is_encoder_decoder else network
    with torch.inference_mode():
        out = encoder(**prepare(clip, sampling_rate=16_000, return_tensors="pt")).last_hidden_state[0]
    np.testing.assert_allclose(first, out.mean(0), atol=1e-4)


@pytest.mark.parametrize("kind", tiny.SPECTRA)
def test_single_layers_equal_those_of_all_layers(kind, folders):
    waveforms = clips([0.7, 0.5, 0.7])
    every = vectors(folders[kind], waveforms, layer="all", pooling="mean_std")
    for number, part in enumerate(np.split(every, 4, axis=1)):
        result = vectors(folders[kind], waveforms, layer=number, pooling="mean_std")
        np.testing.assert_allclose(part, result, atol=1e-5)
    np.testing.assert_allclose(part, vectors(folders[kind], waveforms, pooling="mean_std"), atol=1e-5)


def test_modules_of_whisper_by_name(folders):
    [wave, other] = clips([1.23, 0.4])
    mel = log_mel([wave], transformers.WhisperFeatureExtractor(feature_size=tiny.MELS), [124])[0]
    block = transformers.WhisperModel.from_pretrained(folders["whisper"]).eval().encoder.layers[1]
    with torch.inference_mode():
        state = whisper_states(folders["whisper"], mel)[1]
        state = state + block.self_attn(block.self_attn_layer_norm(state))[0]
        expected = block.fc1(block.final_layer_norm(state))[0].mean(0)
    result = vectors(folders["whisper"], [other, wave], layer="layers.1.fc1")
    np.testing.assert_allclose(result[1], expected, atol=2e-5)
    with pytest.raises(loading.WeightMismatch, match=r"features\.audio\.layer: 'layer_norm' is in no block"):
        encoder.open_extractor(section(folders["whisper"], layer="layer_norm"), Resources())
    full = [vectors(folders["whisper"], [wave], layer=layer, context="full") for layer in ("layer_norm", -1)]
    np.testing.assert_allclose(*full, atol=1e-5)


def test_w2v_bert_is_what_transformers_gives(folders):
    waveforms = clips([0.7, 0.71, 0.7125])
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folders["w2v-bert"])
    network = transformers.AutoModel.from_pretrained(folders["w2v-bert"]).eval()
    for wave, result in zip(waveforms, vectors(folders["w2v-bert"], waveforms), strict=True):
        with torch.inference_mode():
            inputs = prepare(wave, sampling_rate=RATE, return_tensors="pt")
            state = network(**inputs).last_hidden_state[0][inputs.attention_mask[0].bool()]
        np.testing.assert_allclose(result, state.mean(0), atol=1e-5)


def test_ast_with_full_context_is_what_transformers_gives(folders):
    waveforms = clips([0.5, 1.4, 0.05])
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folders["ast"])
    network = transformers.AutoModel.from_pretrained(folders["ast"]).eval()
    result = vectors(folders["ast"], waveforms, context="full")
    for wave, vector, times in zip(waveforms, result, (5, tiny.PATCH_TIMES, 1), strict=True):
        with torch.inference_mode():
            wave = np.pad(wave, (0, max(0, 1600 - len(wave))))
            state = network(**prepare(wave, sampling_rate=RATE, return_tensors="pt")).last_hidden_state[0]
        grid = state[2:].unflatten(0, (3, tiny.PATCH_TIMES))[:, :times]  # patches in order of frequency, then time
        np.testing.assert_allclose(vector, grid.mean((0, 1)), atol=1e-5)


def test_ast_reads_the_recording_alone_with_clip_context(folders):
    """A recording of its own length gives the same with both contexts, a shorter one does not."""
    long, short = clips([1.425, 0.5])
    clip = vectors(folders["ast"], [long, short])
    full = vectors(folders["ast"], [long, short], context="full")
    np.testing.assert_allclose(clip[0], full[0], atol=1e-5)
    assert np.abs(clip[1] - full[1]).max() > 1e-3
    network = transformers.AutoModel.from_pretrained(folders["ast"]).eval()
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folders["ast"])
    values = prepare(short, sampling_rate=RATE, return_tensors="pt").input_values[:, : 4 * 10 + tiny.PATCH]
    with torch.inference_mode():
        places = network.embeddings.position_embeddings.data
        grid = places[:, 2:].unflatten(1, (3, tiny.PATCH_TIMES))[:, :, :5].flatten(1, 2)
        network.embeddings.position_embeddings = torch.nn.Parameter(torch.cat([places[:, :2], grid], 1))
        state = network(values).last_hidden_state[0]
    np.testing.assert_allclose(clip[1], state[2:].mean(0), atol=1e-5)


def test_ast_cuts_long_recordings_into_chunks_that_it_reads(folders):
    [long] = clips([4.0])
    parts = [long[len(long) * i // 3 : len(long) * (i + 1) // 3] for i in range(3)]
    expected = vectors(folders["ast"], parts).mean(0)
    np.testing.assert_allclose(vectors(folders["ast"], [long])[0], expected, atol=1e-4)


def test_ast_head_gives_one_vector_per_recording(tmp_path):
    folder = tiny.patches(tmp_path, "ForAudioClassification")
    [wave] = clips([1.3])
    network = transformers.ASTForAudioClassification.from_pretrained(folder).eval()
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    with torch.inference_mode():
        logits = network(**prepare(wave, sampling_rate=RATE, return_tensors="pt")).logits[0]
    result = vectors(folder, [wave], layer="classifier.dense", context="full")
    np.testing.assert_allclose(result[0], logits, atol=1e-5)


def test_full_context_is_refused_without_a_length_of_its_own(folders, tmp_path):
    for folder in (folders["w2v-bert"], tiny.sound(tmp_path)):
        with pytest.raises(loading.WeightMismatch, match=r"features\.audio\.context: .*use `clip`"):
            encoder.open_extractor(section(folder, context="full"), Resources())


@needs_real
def test_real_whisper_equals_transformers_with_full_context():
    waveforms = clips([2.2, 0.4])
    network = transformers.WhisperModel.from_pretrained(REAL, dtype=torch.float32).eval().encoder
    prepare = transformers.WhisperFeatureExtractor.from_pretrained(REAL)
    every = vectors(REAL, waveforms, context="full", layer="all")
    for wave, result in zip(waveforms, every, strict=True):
        with torch.inference_mode():
            inputs = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_features
            out = network(inputs, output_hidden_states=True)
        states = [*out.hidden_states[:-1], out.last_hidden_state]
        expected = np.concatenate([s[0, : -(-len(wave) // 320)].mean(0) for s in states])
        np.testing.assert_allclose(result, expected, atol=1e-4)


@needs_real
def test_real_whisper_does_not_depend_on_its_batch(monkeypatch):
    monkeypatch.setattr(batches, "MAX_PADDING_SHARE", 0.9)
    waveforms = clips([2.2, 0.4, 2.2, 1.0, 0.02])
    compute = encoder.open_extractor(section(REAL, layer="all", pooling="mean_std"), Resources())
    alone = np.concatenate([compute([wave]) for wave in waveforms])
    np.testing.assert_allclose(np.stack(compute(waveforms)), alone, atol=1e-4)
