"""Alterations of waveforms: what they do, and that they are drawn and repeated as stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.media import augmentation
from mer.media.audio import RATE_HZ
from mer.media.augmentation import Recipe, alterations, codecs, recipes
from mer.params.augmentation import KINDS, Augmentation

EVERY = dict.fromkeys(KINDS, True)
keys = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=8, unique=True)


def tone(hertz=220.0, seconds=0.5, level=0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def pitch(samples):
    return np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 2**17))) * RATE_HZ / 2**17


def power(samples):
    return float(np.mean(np.square(samples, dtype=np.float64)))


def noise_recipe(**parameters):
    return Recipe("a", (("noise", {"noise": "white", "snr": 10.0, **parameters}),), "0")


@given(keys, st.integers(0, 9), st.integers(0, 3), st.data())
def test_draws_depend_on_the_recording_and_its_partners_alone(names, seed, variant, data):
    stated = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=7, unique=True))
    count = data.draw(st.integers(1, len(stated)))
    section = Augmentation(**dict.fromkeys(stated, True), per_variant=count, seed=seed)
    key, partners = names[0], sorted(names)
    recipe = recipes.draw(section, key, variant, partners, partners)
    assert recipe == recipes.draw(section, key, variant, partners, partners)
    if recipe is None:
        assert set(stated) == {"copy_paste"}
        assert len(names) == 1
        return
    kinds = [kind for kind, _ in recipe.steps]
    assert kinds == [kind for kind in KINDS if kind in kinds]  # in the order in which sound passes them
    assert set(kinds) <= set(stated)
    assert len(kinds) <= count
    assert recipe.sources[0] == key
    assert set(recipe.sources) <= set(names)
    assert all(key not in parameters.get("partners", ()) for _, parameters in recipe.steps)


def test_variants_seeds_and_parameters_have_addresses_of_their_own():
    section = Augmentation(noise={"snr": (5, 20)}, gain=True)
    drawn = [recipes.draw(Augmentation(noise=True, gain=True, seed=s), "a", v) for s in range(3) for v in range(3)]
    drawn += [recipes.draw(section.model_copy(update={"per_variant": 2}), "a", 0), noise_recipe(), noise_recipe(snr=9)]
    drawn += [Recipe("b", noise_recipe().steps, "0"), Recipe("a", noise_recipe().steps, "1")]
    assert len({recipe.address for recipe in drawn}) == len(drawn)


def test_a_new_version_has_new_addresses(monkeypatch):
    before = noise_recipe().address
    monkeypatch.setattr(recipes, "VERSION", recipes.VERSION + 1)
    assert noise_recipe().address != before


@given(st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_every_drawn_recipe_can_be_repeated_to_the_bit(seed):
    recordings = {"a": tone(200), "b": tone(310), "c": tone(470, 0.3)}
    recipe = recipes.draw(Augmentation(**EVERY, per_variant=3, seed=seed), "a", 0, ["a", "b"], ["a", "b", "c"])
    first, second = (augmentation.apply(recipe, recordings.__getitem__, RATE_HZ) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0 < len(first) <= RATE_HZ


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 50, 1600])
def test_short_and_silent_recordings_can_be_altered(kind, length):
    for samples in (np.zeros(length, np.float32), tone()[:length]):
        for variant in range(4):
            recipe = recipes.draw(Augmentation(**{kind: True}), "a", variant, ["a", "b"], ["a", "b"])
            altered = augmentation.apply(recipe, lambda key, own=samples: own if key == "a" else tone())
            assert np.isfinite(altered).all()
            assert len(altered)


@pytest.mark.parametrize("noise", ["white", "pink", "babble"])
@pytest.mark.parametrize("snr", [0.0, 10.0, 30.0])
def test_noise_has_the_stated_level(noise, snr):
    partners = {"partners": ["b", "c"]} if noise == "babble" else {}
    recordings = {"a": tone(), "b": tone(311), "c": tone(471)}
    altered = augmentation.apply(noise_recipe(noise=noise, snr=snr, **partners), recordings.__getitem__)
    added = altered.astype(float) - recordings["a"]
    assert 10 * np.log10(power(recordings["a"]) / power(added)) == pytest.approx(snr, abs=0.01)


def test_pink_noise_has_equal_energy_in_each_octave():
    spectrum = np.abs(np.fft.rfft(alterations.pink_noise(2**16, np.random.default_rng(0)))) ** 2
    octaves = [spectrum[2**n : 2 ** (n + 1)].sum() for n in range(8, 15)]
    assert max(octaves) / min(octaves) < 1.3


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_changes_length_and_pitch(factor):
    altered = alterations.sped(tone(), factor)
    assert len(altered) == pytest.approx(len(tone()) / factor, abs=2)
    assert pitch(altered) == pytest.approx(220 * factor, rel=0.01)


@pytest.mark.parametrize("semitones", [-4.0, 2.0])
def test_pitch_changes_at_the_same_length(semitones):
    recipe = Recipe("a", (("pitch", {"semitones": semitones}),))
    altered = augmentation.apply(recipe, lambda _: tone())
    assert len(altered) == len(tone())
    assert pitch(altered) == pytest.approx(220 * 2 ** (semitones / 12), rel=0.02)


def test_stretching_keeps_the_pitch():
    altered = alterations.stretched(tone(), 1.2)
    assert len(altered) == pytest.approx(len(tone()) / 1.2, abs=2)
    assert pitch(altered) == pytest.approx(220, rel=0.01)


@pytest.mark.parametrize("t60", [0.2, 0.8])
def test_reverberation_decays_by_60_decibels_in_the_stated_time(t60):
    impulse = np.zeros(2 * RATE_HZ)
    impulse[0] = 1.0
    response = alterations.reverberated(impulse, t60, 0.0, np.random.default_rng(0))
    left = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1] + 1e-30)  # Schroeder's backward integration
    start, end = np.flatnonzero(left < left[0] - 5)[0], np.flatnonzero(left < left[0] - 25)[0]
    assert 3 * (end - start) / RATE_HZ == pytest.approx(t60, rel=0.1)
    assert power(response[1:]) * len(response[1:]) == pytest.approx(1.0)  # as loud as the direct sound


def test_gain_clips_at_full_scale():
    recipe = Recipe("a", (("gain", {"decibels": 20.0}),))
    assert np.abs(augmentation.apply(recipe, lambda _: tone())).max() == 1.0
    softer = augmentation.apply(Recipe("a", (("gain", {"decibels": -20.0}),)), lambda _: tone())
    assert np.allclose(softer, 0.1 * tone(), atol=1e-6)


@pytest.mark.parametrize("codec", codecs.ENCODINGS)
def test_codecs_keep_length_and_voice_and_lose_what_their_band_lacks(codec):
    both = tone(300, 2.0) + tone(6000, 2.0, 0.1)
    for kilobits in codecs.ENCODINGS[codec].kilobits:
        altered = codecs.coded(both.astype(float), codec, kilobits)
        assert len(altered) == len(both)
        assert not np.array_equal(altered, both)
        assert pitch(altered) == pytest.approx(300, rel=0.02)
    if codecs.ENCODINGS[codec].rate_hz == 8_000:
        spectrum = np.abs(np.fft.rfft(altered * np.hanning(len(altered)))) ** 2
        assert spectrum[len(spectrum) // 2 + 500 :].sum() < 1e-3 * spectrum.sum()


def test_codecs_keep_what_exceeds_full_scale():
    loud = 3 * tone(300, 1.0, 0.9)
    assert np.abs(codecs.coded(loud.astype(float), "mulaw", 0)).max() == pytest.approx(np.abs(loud).max(), rel=0.1)


def test_copy_paste_adds_the_partner():
    recordings = {"a": tone(200), "b": tone(500, 0.3)}
    for way, length in (("concatenate", 0.8), ("overlay", 0.5)):
        recipe = Recipe("a", (("copy_paste", {"way": way, "partners": ["b"]}),))
        altered = augmentation.apply(recipe, recordings.__getitem__)
        assert len(altered) == round(length * RATE_HZ)
        spectrum = np.abs(np.fft.rfft(altered, RATE_HZ))  # one value per hertz
        assert min(spectrum[200], spectrum[500]) > 20 * np.median(spectrum)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "names no alteration"),
        ({"noise": {"snr": (20, 5)}}, "the lower number first"),
        ({"noise": {"kinds": ()}}, "at least 1 item"),
        ({"noise": True, "per_variant": 2}, "2 is more than the 1 alterations"),
        ({"speed": {"factor": (0, 1)}}, "greater than 0"),
        ({"noise": True, "variants": 0}, "greater than or equal to 1"),
    ],
)
def test_contradictory_parameters_are_refused(section, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**section)
