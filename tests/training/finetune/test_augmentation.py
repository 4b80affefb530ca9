"""What training changes at random has the extent that the parameters say."""

import numpy as np
import pytest

from mer.params.features import read_inputs
from mer.params.systems import EncoderTraining
from mer.training.finetune import augmentation
from mer.training.finetune.encoders import open_encoder
from tests.training.finetune import toy_encoders

CLIP = np.sin(np.arange(32_000) / 7).astype(np.float32)


def test_segments_are_random_and_whole_where_they_fit():
    random = np.random.default_rng(0)
    drawn = [augmentation.segment(CLIP, 8000, EncoderTraining(), random) for _ in range(20)]
    assert {len(one) for one in drawn} == {8000}
    starts = {int(np.flatnonzero(one[0] == CLIP)[0]) for one in drawn}
    assert len(starts) > 15
    assert (augmentation.segment(CLIP, 40_000, EncoderTraining(), random) == CLIP).all()


def test_speed_and_noise_change_as_much_as_is_said():
    random = np.random.default_rng(0)
    lengths = [len(augmentation.segment(CLIP, 64_000, EncoderTraining(speed=0.999), random)) for _ in range(50)]
    assert 32_000 / 1.1 <= min(lengths) < 30_500
    assert 33_500 < max(lengths) <= 32_000 / 0.9
    noisy = augmentation.segment(CLIP, 64_000, EncoderTraining(noise=0.999), random)
    level = 10 * np.log10(np.mean(CLIP**2) / np.mean((noisy - CLIP) ** 2))
    assert 9 < level < 31


def test_another_speed_keeps_high_frequencies():
    """Linear interpolation would lose them."""
    tone = np.sin(2 * np.pi * 6000 / 16_000 * np.arange(32_000)).astype(np.float32)
    random = np.random.default_rng(1)
    faster = [augmentation.segment(tone, 64_000, EncoderTraining(speed=0.999), random) for _ in range(10)]
    assert np.mean([np.mean(one**2) for one in faster]) > 0.95 * np.mean(tone**2)
    assert all(one.dtype == np.float32 for one in faster)


def test_segments_without_speed_and_noise_take_the_same_random_numbers_from_their_stream():
    """The masks, which are drawn after them, are those of finished trainings."""
    random, expected = np.random.default_rng(0), np.random.default_rng(0)
    augmentation.segment(CLIP, 8000, EncoderTraining(), random)
    expected.random(), expected.integers(len(CLIP) - 8000 + 1), expected.random()
    assert random.random() == expected.random()


def test_spans_hide_about_the_share():
    random = np.random.default_rng(0)
    shares = [augmentation.spans(500, 0.2, 10, random).mean() for _ in range(200)]
    assert 0.15 < np.mean(shares) < 0.2  # spans overlap
    assert augmentation.spans(3, 0.9, 10, random).sum() in (0, 3)
    assert not augmentation.spans(100, 0.0, 10, random).sum() > 10


@pytest.mark.parametrize("kind", ["wavlm", "whisper"])
def test_masks_change_training_and_nothing_else(kind, tmp_path):
    inputs = {"audio": toy_encoders.networks(tmp_path, kind)["audio"]}
    encoder = open_encoder(read_inputs(inputs)["audio"], None, "cpu")
    clips = toy_encoders.clips(4)
    masked = EncoderTraining(mask_time=0.5, mask_span=2, mask_channels=0.2)
    encoder.model.eval()
    plain = encoder.forward(clips, EncoderTraining(), range(4)).detach()
    changed = encoder.forward(clips, masked, range(4)).detach()
    again = encoder.forward(clips[::-1], masked, range(4)[::-1]).detach().flip(0)
    assert ((changed - plain).abs().amax(dim=1) > 1e-3).all()
    np.testing.assert_allclose(changed, again, atol=1e-5)  # the key of a recording decides, not its place
    np.testing.assert_allclose(np.stack(encoder.vectors(clips)), plain, atol=1e-5)


def test_networks_without_either_are_refused(tmp_path):
    inputs = {"audio": toy_encoders.networks(tmp_path, "ast")["audio"]}
    encoder = open_encoder(read_inputs(inputs)["audio"], None, "cpu")
    with pytest.raises(ValueError, match="cannot be trained with mask_time or mask_channels"):
        encoder.forward(toy_encoders.clips(1), EncoderTraining(mask_time=0.5), [0])
