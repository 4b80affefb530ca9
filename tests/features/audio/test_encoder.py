"""Pretrained networks for audio: what a vector is, and that it does not depend on its batch."""

import shutil

import numpy as np
import pytest
import torch
import transformers

from mer import files
from mer.features import Resources, audio
from mer.features.audio import encoder
from mer.features.extractor import Unavailable
from mer.features.pretrained import batches, loading, pooling
from mer.features.pretrained.audio import waves
from mer.params.schema import AudioFeatures, Data
from tests.features.pretrained import tiny

RATE = 16_000
SECONDS = [0.3, 0.025, 2.0, 4.1, 2.05, 1 / RATE]


def clips(seconds=SECONDS, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.1 * n, 0.05 * (n + 1), max(1, round(s * RATE))).astype("f4") for n, s in enumerate(seconds)]


def section(folder, **options):
    return AudioFeatures(extractor="encoder", model=str(folder), **options)


def vectors(folder, waveforms, **options):
    """Vectors by the extractor, as a store gets them, and the specification that it would be kept under."""
    chosen = section(folder, **options)
    result = encoder.EXTRACTOR.open(chosen, Resources())(waveforms)
    assert not any(isinstance(v, Unavailable) for v in result)
    stacked = np.stack(result)
    assert stacked.dtype == np.float32
    assert stacked.shape[1] == audio.spec(chosen, Data())["width"]
    return stacked


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("networks")
    made = {kind: tiny.sound(home / kind, kind) for kind in tiny.SOUND}
    return {**made, **{kind: make(home / kind) for kind, make in tiny.SPECTRA.items()}}


@pytest.mark.parametrize("kind", [*tiny.SOUND, *tiny.SPECTRA])
def test_vector_does_not_depend_on_its_batch(kind, folders, monkeypatch):
    waveforms = clips()
    monkeypatch.setattr(batches, "MAX_PADDING_SHARE", 0.9)  # clips of very different lengths in one batch
    for options in ({"pooling": "mean_std", "layer": "all"}, {"pooling": "windows"}):
        compute = encoder.open_extractor(section(folders[kind], **options), Resources())
        together = np.stack(compute(waveforms))
        alone = np.concatenate([compute([sound]) for sound in waveforms])
        np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)
        assert together.std(axis=0).max() > 0.01  # the clips are told apart


@pytest.mark.parametrize("kind", tiny.SOUND)
def test_a_vector_is_the_mean_of_what_transformers_gives_for_the_clip_alone(kind, folders):
    waveforms = clips()[:4]
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folders[kind])
    network = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    result = vectors(folders[kind], waveforms), vectors(folders[kind], waveforms, layer=1, pooling="mean_std")
    for sound, last, first in zip(waveforms, *result, strict=True):
        with torch.inference_mode():
            enough = np.pad(sound, (0, max(0, tiny.SHORTEST - len(sound))))
            inputs = prepare(enough, sampling_rate=RATE, return_tensors="pt")
            out = network(inputs.input_values, output_hidden_states=True)
        np.testing.assert_allclose(last, out.last_hidden_state[0].mean(0), atol=1e-5)
        state = out.hidden_states[1][0].numpy()
        np.testing.assert_allclose(first, np.concatenate([state.mean(0), state.std(0)]), atol=1e-5)


@pytest.mark.parametrize("seconds", [0.5, 3.9, 4.0, 5.9, 6.0, 9.7])
@pytest.mark.parametrize("normalise", [True, False])
def test_windows_are_the_papers(seconds, normalise, tmp_path):
    """By hand, window by window: 4 s every 2 s, each repeated to 4 s and normalised, the projector's mean over time."""
    folder = tiny.sound(tmp_path, head="ForSequenceClassification", normalise=normalise)
    [sound] = clips([seconds])
    network = transformers.Wav2Vec2ForSequenceClassification.from_pretrained(folder).eval()
    means, start = [], 0
    while True:
        end = min(start + 4 * RATE, len(sound))
        if end - start < 2 * RATE and start:
            break
        chunk = sound[start:end]
        chunk = np.tile(chunk, -(-4 * RATE // len(chunk)))[: 4 * RATE]
        if normalise:
            chunk = (chunk - chunk.mean()) / np.sqrt(chunk.var() + 1e-7)
        with torch.inference_mode():
            hidden = network.wav2vec2(torch.as_tensor(chunk)[None]).last_hidden_state
            means.append(network.projector(hidden)[0].mean(0).numpy())
        start += 2 * RATE
    expected = np.concatenate([np.mean(means, axis=0), np.std(means, axis=0)])
    result = vectors(folder, [sound], layer="projector", pooling="windows")[0]
    np.testing.assert_allclose(result, expected, atol=1e-5)
    assert (result[8:] == 0).all() == (seconds < 4)  # a single window has no deviation


def test_every_layer_after_another(folders):
    waveforms = clips()[:3]
    for pooled in ("mean", "mean_std"):
        every = vectors(folders["wavlm-layer"], waveforms, layer="all", pooling=pooled)
        assert encoder.describe(section(folders["wavlm-layer"], layer="all"))["layers"] == 4
        for number, part in enumerate(np.split(every, 4, axis=1)):
            np.testing.assert_allclose(
                part, vectors(folders["wavlm-layer"], waveforms, layer=number, pooling=pooled), atol=1e-5
            )
        np.testing.assert_array_equal(every[:, -part.shape[1] :], part)
        np.testing.assert_allclose(
            part, vectors(folders["wavlm-layer"], waveforms, layer=-1, pooling=pooled), atol=1e-5
        )


def test_what_determines_a_vector_is_in_the_specification(folders, tmp_path):
    def spec(**options):
        return audio.spec(section(options.pop("folder", folders["wavlm"]), **options), Data())

    other = shutil.copytree(folders["wavlm"], tmp_path / "elsewhere")
    assert spec(folder=other) == spec()
    variants = [{}, {"layer": 1}, {"layer": "all"}, {"pooling": "mean_std"}, {"folder": folders["hubert"]}]
    digests = [files.digest(spec(**options)) for options in variants]
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(other)
    assert len({*digests, files.digest(spec(folder=other))}) == len(variants) + 1
    assert str(tmp_path) not in str(spec(folder=other))


def test_ten_minutes_are_taken_in_parts(folders, monkeypatch):
    seen = []
    run = waves.WaveNetwork.run
    monkeypatch.setattr(waves.WaveNetwork, "run", lambda self, given: seen.append([len(s) for s in given])
                        or run(self, given))  # fmt: skip
    [long] = clips([600.5])
    result = vectors(folders["wav2vec2"], [long], pooling="mean_std")[0]
    assert sum(map(sum, seen)) == len(long)
    assert max(map(max, seen)) <= 30 * RATE
    assert max(map(sum, seen)) <= encoder.BUDGET
    cuts = pooling.chunks(len(long), 30 * RATE)
    parts = vectors(folders["wav2vec2"], [long[start:stop] for start, stop in cuts], pooling="mean_std").astype(float)
    mean = parts[:, :24].mean(0)  # the parts are as long as one another but for a sample
    deviation = np.sqrt((parts[:, 24:] ** 2 + (parts[:, :24] - mean) ** 2).mean(0))
    np.testing.assert_allclose(result, np.concatenate([mean, deviation]), atol=1e-4)


@pytest.mark.parametrize("kind", ["wav2vec2", "wavlm-layer"])
def test_hard_sounds_give_finite_vectors(kind, folders):
    hard = [np.zeros(1), np.zeros(RATE), np.ones(RATE), np.full(RATE, -1e6), np.eye(1, 5)[0]]
    for pooled in ("mean", "windows"):
        result = vectors(folders[kind], [sound.astype(np.float32) for sound in hard], pooling=pooled)
        assert np.isfinite(result).all()


def test_what_is_not_a_number_is_absent_with_its_reason(folders, tmp_path):
    network = transformers.Wav2Vec2Model.from_pretrained(folders["wav2vec2"])
    network.encoder.layer_norm.bias.data[0] = float("nan")
    network.save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    [result] = encoder.EXTRACTOR.open(section(tmp_path), Resources())(clips([1.0]))
    assert result == Unavailable("the network gives values that are not finite")


class Lazy:
    """Clips that count how often they are asked for."""

    def __init__(self, waveforms):
        self.waveforms, self.asked = waveforms, [0] * len(waveforms)

    def __len__(self):
        return len(self.waveforms)

    def __getitem__(self, number):
        self.asked[number] += 1
        return self.waveforms[number]


def test_clips_are_asked_for_twice(folders):
    lazy = Lazy(clips())
    np.testing.assert_array_equal(vectors(folders["wav2vec2"], lazy), vectors(folders["wav2vec2"], clips()))
    assert lazy.asked == [2] * len(lazy)


def test_no_clips(folders):
    assert encoder.EXTRACTOR.open(section(folders["wav2vec2"]), Resources())([]) == []


def test_a_module_after_the_networks_own_pooling(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_PADDING_SHARE", 0.9)
    folder = tiny.sound(tmp_path, "wavlm", head="ForSequenceClassification")
    waveforms = clips([0.3, 1.2, 0.7])
    network = transformers.WavLMForSequenceClassification.from_pretrained(folder).eval()
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    for sound, vector in zip(waveforms, vectors(folder, waveforms, layer="classifier"), strict=True):
        with torch.inference_mode():
            inputs = prepare(sound, sampling_rate=RATE, return_tensors="pt")
            logits = network(inputs.input_values).logits[0]
        np.testing.assert_allclose(vector, logits, atol=1e-5)
    with pytest.raises(loading.WeightMismatch, match=r"features\.audio\.layer: .*one vector per clip"):
        vectors(folder, waveforms, layer="classifier", pooling="mean_std")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (4, "features.audio.layer: 4, but the network has blocks 1 to 3"),
        (-5, "features.audio.layer: -5"),
        ("projektor", "Wav2Vec2ForSequenceClassification has no module 'projektor'; the nearest are projector"),
        ("zzz", "the nearest are wav2vec2, projector, classifier"),
        ("wav2vec2.encoder.layers.1.feed_forward", "name a Linear or LayerNorm, such as .*intermediate_dense"),
        ("wav2vec2.feature_extractor.conv_layers.0.conv", "name a Linear or LayerNorm"),
    ],
)
def test_a_layer_that_is_not_there_is_told_at_once(layer, message, tmp_path):
    chosen = section(tiny.sound(tmp_path, head="ForSequenceClassification"), layer=layer)
    for do in (lambda: encoder.describe(chosen), lambda: encoder.open_extractor(chosen, Resources())):
        with pytest.raises(loading.WeightMismatch, match=message):
            do()


def test_another_rate_is_refused(tmp_path):
    folder = tiny.sound(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(folder)
    with pytest.raises(loading.WeightMismatch, match="at 8000 Hz, and audio here is at 16000 Hz"):
        encoder.open_extractor(section(folder), Resources())
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(loading.WeightMismatch, match=r"preprocessor_config\.json cannot be read"):
        encoder.open_extractor(section(folder), Resources())
