import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from mer.models import random_numbers


def of(*numbers):
    return torch.from_numpy(random_numbers.keys(*numbers, count=1))[0]


def draw(*numbers, count=1 << 16):
    return random_numbers.uniform(of(*numbers), count)


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_bytes_are_uniform_and_independent(seed):
    values = draw(seed).numpy()
    assert chisquare(np.bincount(values, minlength=256)).pvalue > 1e-4
    pairs = (values[:-1].astype(int) // 16) * 16 + values[1:] // 16
    assert chisquare(np.bincount(pairs, minlength=256)).pvalue > 1e-4
    in_words = values.reshape(-1, 4)  # the bytes of one hash
    assert np.abs(np.corrcoef(in_words.T.astype(float)) - np.eye(4)).max() < 0.05


def test_neighbouring_keys_give_independent_numbers():
    values = torch.stack([draw(0, 0, step, layer, count=4096) for step in range(8) for layer in range(4)]).double()
    assert (torch.corrcoef(values) - torch.eye(32, dtype=torch.float64)).abs().max() < 0.08
    same = [(values[i] == values[j]).double().mean() for i in range(32) for j in range(i)]
    assert max(same) < 0.02  # 1/256 by chance


@given(st.lists(st.lists(st.integers(-1, 2**40), min_size=1, max_size=4).map(tuple), min_size=2, max_size=20,
                unique=True))  # fmt: skip
def test_keys_are_64_bits_and_different(sequences):
    keys = [random_numbers.key(*numbers) for numbers in sequences]
    assert len(set(keys)) == len(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)


def test_keys_of_steps_are_lower_halves_of_keys():
    expected = [random_numbers.key(3, 1, step) & 0xFFFFFFFF for step in range(50)]
    assert random_numbers.keys(3, 1, count=50).view(np.uint32).tolist() == expected


def finalised(state):
    """The 32-bit finaliser in Python's whole numbers."""
    mask = (1 << 32) - 1
    state = ((state ^ (state >> 16)) * 0x7FEB352D) & mask
    state = ((state ^ (state >> 15)) * 0x846CA68B) & mask
    return state ^ (state >> 16)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(1, 40))
def test_number_is_a_hash_of_key_and_position_on_any_device(key, count):
    words = [finalised((key + place * 0x9E3779B9) % (1 << 32)) for place in range(-(-count // 4))]
    expected = b"".join(word.to_bytes(4, "little") for word in words)[:count]
    assert random_numbers.uniform(torch.tensor(key, dtype=torch.int32), count).numpy().tobytes() == expected


def test_fewer_numbers_are_the_first_of_more_numbers():
    assert (draw(5, count=100) == draw(5, count=1000)[:100]).all()


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_share_of_kept_values_is_exact(rate):
    kept = random_numbers.keep(of(3), 1 << 16, rate)
    assert kept.float().mean().item() == pytest.approx(1 - round(rate * 256) / 256, abs=0.01)
    torch.testing.assert_close(random_numbers.multipliers(of(3), 1 << 16, rate) > 0, kept)


def test_multipliers_keep_the_mean():
    values = random_numbers.multipliers(of(3), 1 << 17, 0.3)
    assert values.mean().item() == pytest.approx(1, abs=0.01)
    assert values.unique().tolist() == pytest.approx([0.0, 256 / (256 - 77)])
    assert not random_numbers.multipliers(of(3), 100, 1.0).any()


def test_dropout_uses_its_mask_or_that_of_torch_in_training_only():
    layer, x = random_numbers.Dropout(4, 0.5), torch.ones(3, 4)
    assert set(layer(torch.ones(100, 4)).unique().tolist()) == {0.0, 2.0}
    layer.mask = torch.arange(12.0).reshape(3, 4)
    assert torch.equal(layer(x), layer.mask)
    assert layer(x.reshape(3, 2, 2)).shape == (3, 2, 2)
    assert layer.eval()(x) is x
    assert not layer.state_dict()


def test_several_keys_give_the_numbers_of_single_keys():
    keys = torch.from_numpy(random_numbers.keys(7, count=5))
    together = random_numbers.keep(keys, 21, 0.4)
    for one, key in zip(together, keys, strict=True):
        assert (one == random_numbers.keep(key, 21, 0.4)).all()
