"""Hand-crafted features of synthetic signals with known pitch, spectrum and rhythm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.features.audio.functionals import LEVELS, frames, functionals, names, pitch, rhythm, spectrum, statistics

RATE = frames.RATE_HZ


def harmonic(hertz, seconds=1.0, decay=0.8, seed=0):
    """A sound of constant pitch: every harmonic below 7.9 kHz (60 at most), each `decay` times the one before."""
    numbers = np.arange(1, min(60, int(7900 / hertz)) + 1)[:, None]
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (len(numbers), 1))
    time = np.arange(round(seconds * RATE)) / RATE
    return (decay**numbers * np.sin(2 * np.pi * hertz * numbers * time + phases)).sum(axis=0).astype(np.float32)


def noise(seconds=2.0, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def syllables(rate, seconds=4.0):
    """A voice of 150 Hz that swells and fades `rate` times a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    return harmonic(150, seconds) * (0.55 - 0.45 * np.cos(2 * np.pi * rate * time)).astype(np.float32)


def named(samples):
    return dict(zip(names(), functionals(samples).astype(float), strict=True))


def voice(samples):
    shapes = spectrum.describe(frames.scaled(samples)[0])
    return pitch.track(shapes, frames.active(frames.relative_level(shapes.energy)[0]))


def test_names_of_dimensions_are_unique():
    assert len(names()) == len(set(names())) == len(functionals(noise()))


@pytest.mark.parametrize("decay", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("hertz", np.geomspace(70, 450, 12).round(1))
def test_pitch_of_harmonic_signals_is_within_one_percent(hertz, decay):
    result = voice(harmonic(hertz, decay=decay, seed=round(hertz)))
    inner = slice(3, -3)  # a frame at the edge holds half a sound
    assert result.voiced[inner].all()
    np.testing.assert_allclose(27.5 * 2 ** (result.semitones[inner] / 12), hertz, rtol=0.01)


@pytest.mark.parametrize("hertz", [80, 150, 400])
def test_pitch_with_a_changed_fundamental_and_noise(hertz):
    time = np.arange(RATE) / RATE
    sound = harmonic(hertz) - 0.8 * np.sin(2 * np.pi * hertz * time)  # a wrong phase, so the fundamental only differs
    sound = sound + np.random.default_rng(1).normal(0, 0.2 * sound.std(), RATE)
    result = voice(sound.astype(np.float32))
    hz = 27.5 * 2 ** (result.semitones[result.voiced] / 12)
    assert result.voiced.mean() > 0.9
    assert np.mean(np.abs(hz / hertz - 1) < 0.02) > 0.95


def test_gliding_pitch_rises_and_its_reversal_falls():
    time = np.arange(RATE) / RATE
    phase = 2 * np.pi * 120 * (2**time - 1) / np.log(2)  # 120 to 240 Hz: an octave a second
    sound = sum(0.7**n * np.sin(n * phase) for n in range(1, 20)).astype(np.float32)
    up, down = named(sound), named(sound[::-1])
    assert up["pitch_voiced_trend"] == pytest.approx(12, abs=0.5)
    assert down["pitch_voiced_trend"] == pytest.approx(-12, abs=0.5)
    assert up["pitch_voiced_rising"] == pytest.approx(12, abs=1)
    assert down["pitch_voiced_falling"] == pytest.approx(-12, abs=1)
    assert up["pitch_voiced_p95"] - up["pitch_voiced_p5"] == pytest.approx(0.9 * 12, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_voiced(seed):
    result = voice(noise(seed=seed))
    assert result.voiced.mean() < 0.02
    assert result.periodicity.mean() < 0.35


def test_noise_lowers_harmonicity_and_modulated_pitch_raises_jitter():
    time = np.arange(2 * RATE) / RATE
    clean, rng = harmonic(150, 2), np.random.default_rng(0)
    noisy = (clean + rng.normal(0, 0.4 * clean.std(), len(clean))).astype(np.float32)
    assert named(clean)["hnr_voiced_mean"] > named(noisy)["hnr_voiced_mean"] + 5
    shaking = 150 * 2 ** (0.5 / 12 * np.sin(2 * np.pi * 20 * time))  # half a semitone, 20 times a second
    phase = 2 * np.pi * np.cumsum(shaking) / RATE
    shaken = sum(0.8**n * np.sin(n * phase) for n in range(1, 20)).astype(np.float32)
    assert named(shaken)["jitter_voiced_mean"] > 10 * named(clean)["jitter_voiced_mean"]


def test_h1_h2_is_the_level_difference_of_harmonics():
    for decay, expected in [(0.5, 6.02), (0.25, 12.04)]:
        assert named(harmonic(200, decay=decay))["h1_h2_voiced_p50"] == pytest.approx(expected, abs=0.5)


def test_spectral_descriptors_follow_the_frequency_of_the_signal():
    for kilo in (0.5, 3.0, 6.0):
        tone = np.sin(2 * np.pi * 1000 * kilo * np.arange(RATE) / RATE).astype(np.float32)
        result = named(tone)
        for name in ("centroid_active_p50", "rolloff_50_active_p50", "rolloff_85_active_p50"):
            assert result[name] == pytest.approx(kilo, abs=0.25), name
    low, high = named(harmonic(100, decay=0.8)), named(np.diff(noise()))
    assert low["alpha_ratio_active_p50"] > 10 > -5 > high["alpha_ratio_active_p50"]
    assert low["hammarberg_active_p50"] > 20 > high["hammarberg_active_p50"]
    assert high["flatness_active_p50"] > low["flatness_active_p50"] + 5
    assert high["high_share_active_p50"] > low["high_share_active_p50"] + 20


def test_breathy_voice_has_less_prominence():
    clean, rng = harmonic(150, 2), np.random.default_rng(0)
    breathy = (clean + rng.normal(0, 0.1 * clean.std(), len(clean))).astype(np.float32)
    still, hoarse, none = (named(sound)["prominence_active_p50"] for sound in (clean, breathy, noise()))
    assert still > hoarse + 1 > none + 2


def test_loudest_band_contains_the_tone():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    result = named(tone + 0.01 * noise(1))
    medians = [result[f"band_{i}_active_p50"] for i in range(1, 17)]
    middles = 700 * (10 ** ((2 * np.arange(1, 17) - 0.5) / 33 * 2840 / 2595) - 1)  # of two of 32 mel triangles
    assert np.argmax(medians) == np.abs(middles - 1000).argmin()


def test_relations_with_level_and_pitch_have_the_right_sign():
    time = np.arange(2 * RATE) / RATE
    swell = 0.55 - 0.45 * np.cos(2 * np.pi * 2 * time)
    phase = 2 * np.pi * np.cumsum(150 * 2 ** (swell / 2)) / RATE  # up to half an octave higher where it is louder
    numbers = np.arange(1, 20)[:, None]
    bright = (0.7 ** (numbers / (0.3 + swell)) * np.sin(numbers * phase)).sum(axis=0)  # and brighter
    up, down = named((swell * bright).astype(np.float32)), named(((1.1 - swell) * bright).astype(np.float32))
    assert up["centroid_active_per_db"] > 0.005 > -0.005 > down["centroid_active_per_db"]
    assert up["relative_level_voiced_per_semitone"] > 1 > -0.2 > down["relative_level_voiced_per_semitone"]
    assert up["pitch_relative_level_voiced_correlation"] > 0.8 > -0.3 > down["pitch_relative_level_voiced_correlation"]


def test_constant_filter_hardly_changes_deviations_of_bands():
    sound = syllables(3, 2) + 0.02 * noise(2)
    filtered = sound - 0.5 * np.concatenate([[0], sound[:-1]])  # a slope of 9.5 dB from low to high
    before, after = named(sound), named(filtered.astype(np.float32))
    moved = [n for n in names() if n.startswith("band_") and n.endswith(("active_deviation", "delta_deviation"))]
    assert np.median([abs(after[n] / before[n] - 1) for n in moved]) < 0.05


def test_spectral_slope_of_a_tilted_spectrum():
    sound = harmonic(20, 2, decay=1.0)  # even up to 1.2 kHz
    tilted = harmonic(20, 2, decay=10 ** (-0.2 / 20))  # 0.2 dB every 20 Hz
    name = "slope_0_500_active_p50"
    assert named(tilted)[name] - named(sound)[name] == pytest.approx(-10, abs=2)


@pytest.mark.parametrize("rate", [2, 4, 6])
def test_syllables_are_counted(rate):
    result = named(syllables(rate))
    assert result["syllable_rate"] == pytest.approx(rate, abs=0.3)
    assert result["modulation_centroid"] == pytest.approx(rate, abs=2)


def test_voiced_segments_and_pauses_are_measured():
    part, gap = harmonic(150, 0.3), np.zeros(round(0.2 * RATE), np.float32)
    result = named(np.concatenate([gap, gap, part, gap, part, gap, part, gap, gap]))
    seconds = 3 * 0.3 + 2 * 0.2
    assert result["voiced_rate"] == pytest.approx(3 / seconds, rel=0.1)
    assert result["voiced_length_mean"] == pytest.approx(0.3, abs=0.05)
    assert result["unvoiced_length_mean"] == pytest.approx(0.2, abs=0.05)
    assert result["pause_rate"] == pytest.approx(2 / seconds, rel=0.1)
    assert result["pause_share"] == pytest.approx(0.4 / seconds, abs=0.08)


def test_silence_before_and_after_hardly_changes_medians():
    clip, still = syllables(4), np.zeros(RATE, np.float32)
    alone, wrapped = named(clip), named(np.concatenate([still, clip, still]))
    for name in ("pitch_voiced_p50", "cepstrum_1_active_p50", "centroid_active_p50", "syllable_rate"):
        assert wrapped[name] == pytest.approx(alone[name], rel=0.05), name


@pytest.mark.parametrize("gain", [1e-3, 0.1, 7.0, 1e4])
@pytest.mark.parametrize("make", [lambda: syllables(3), noise], ids=["voice", "noise"])
def test_gain_changes_level_dimensions_only(make, gain):
    sound = make()
    before, after = functionals(sound), functionals((sound * gain).astype(np.float32))
    levels = np.isin(names(), LEVELS)
    np.testing.assert_allclose(after[levels] - before[levels], 20 * np.log10(gain), atol=1e-3)
    np.testing.assert_allclose(after[~levels], before[~levels], rtol=1e-3, atol=5e-3)


def test_offset_does_not_change_vectors():
    sound = syllables(3)
    np.testing.assert_allclose(functionals(sound + np.float32(0.25)), functionals(sound), rtol=1e-3, atol=5e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.sampled_from([0.0, 1e-38, 1e-20, 1.0, 1e6, 3e38]), st.integers(0, 3))
def test_vectors_are_finite_for_any_length_and_level(length, level, kind):
    rng = np.random.default_rng(length)
    shape = [np.ones(length), rng.normal(size=length).clip(-1, 1), rng.choice([-1, 1], length),
             np.arange(length) == length // 2][kind]  # fmt: skip
    vector = functionals((shape * level).astype(np.float32))
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


def test_vectors_of_clipped_silent_and_constant_recordings_are_finite():
    for sound in (np.clip(40 * syllables(4), -1, 1), np.zeros(5 * RATE), np.full(RATE, 0.3), noise() * 1e-30):
        assert np.isfinite(functionals(sound.astype(np.float32))).all()
    quiet = named(np.full(RATE, 0.3, np.float32))
    assert quiet["level_loudest_dbfs"] == frames.QUIETEST_DB
    assert quiet["voiced_share"] == quiet["syllable_rate"] == 0
    assert quiet["pitch_voiced_p50"] == pitch.UNVOICED[0, 0]


def test_ten_minutes_resemble_one_minute():
    minute = np.concatenate([syllables(4, 3.0), np.zeros(RATE // 2, np.float32)] * 17)
    long, short = named(np.tile(minute, 10)), named(minute)
    assert len(minute) * 10 > 9.5 * 60 * RATE
    for name in ("pitch_voiced_p50", "syllable_rate", "pause_rate", "cepstrum_1_active_mean"):
        assert long[name] == pytest.approx(short[name], rel=0.05), name


@pytest.mark.parametrize("samples", [[], [np.nan, 0.0], [np.inf], [[0.0, 1.0]]])
def test_invalid_samples_are_refused(samples):
    with pytest.raises(ValueError, match="expected shape"):
        functionals(np.array(samples, np.float32))


def test_vectors_do_not_depend_on_the_size_of_blocks(monkeypatch):
    sound = np.concatenate([syllables(4, 2), noise(1)])
    whole = functionals(sound)
    for size in (1, 7, 4096):
        monkeypatch.setattr(frames, "BLOCK", size)
        np.testing.assert_allclose(functionals(sound), whole, rtol=1e-3, atol=1e-3)


def test_percentiles_equal_those_of_numpy():
    values = np.random.default_rng(0).normal(size=(37, 3))
    result = statistics.summary(values).reshape(3, -1)[:, 2:7]
    np.testing.assert_allclose(result, np.percentile(values, [5, 20, 50, 80, 95], axis=0).T)


def test_rhythm_has_as_many_values_as_names():
    assert len(rhythm.describe(np.zeros(5), np.ones(5, bool), np.zeros(5, bool))) == len(rhythm.NAMES)
