import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from mer.models import noise


def drawn(*numbers, count=1 << 16):
    return noise.uniform(torch.tensor(noise.key(*numbers)), count)


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_bytes_are_equally_likely_and_do_not_follow_from_one_another(seed):
    values = drawn(seed).numpy()
    assert chisquare(np.bincount(values, minlength=256)).pvalue > 1e-4
    pairs = (values[:-1].astype(int) // 16) * 16 + values[1:] // 16
    assert chisquare(np.bincount(pairs, minlength=256)).pvalue > 1e-4
    in_words = values.reshape(-1, 8)  # the bytes of one hash
    assert np.abs(np.corrcoef(in_words.T.astype(float)) - np.eye(8)).max() < 0.05


def test_neighbouring_keys_have_nothing_in_common():
    values = torch.stack([drawn(0, 0, step, layer, count=4096) for step in range(8) for layer in range(4)]).double()
    assert (torch.corrcoef(values) - torch.eye(32, dtype=torch.float64)).abs().max() < 0.08
    same = [(values[i] == values[j]).double().mean() for i in range(32) for j in range(i)]
    assert max(same) < 0.02  # 1/256 by chance


@given(st.lists(st.lists(st.integers(-1, 2**40), min_size=1, max_size=4).map(tuple), min_size=2, max_size=20,
                unique=True))  # fmt: skip
def test_keys_are_64_bits_and_different(sequences):
    keys = [noise.key(*numbers) for numbers in sequences]
    assert len(set(keys)) == len(keys)
    assert all(-(2**63) <= key < 2**63 for key in keys)


def splitmix(state):
    """SplitMix64's finaliser in Python's whole numbers."""
    mask = (1 << 64) - 1
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return state ^ (state >> 31)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 40))
def test_a_number_is_a_hash_of_key_and_place_on_any_device(key, count):
    words = [splitmix((key + place * 0x9E3779B97F4A7C15) % (1 << 64)) for place in range(-(-count // 8))]
    expected = b"".join(word.to_bytes(8, "little") for word in words)[:count]
    assert noise.uniform(torch.tensor(key), count).numpy().tobytes() == expected


def test_fewer_numbers_are_the_first_of_more():
    assert (drawn(5, count=100) == drawn(5, count=1000)[:100]).all()


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_a_share_is_kept(rate):
    kept = noise.keep(torch.tensor(noise.key(3)), (256, 256), rate)
    assert kept.float().mean().item() == pytest.approx(1 - round(rate * 256) / 256, abs=0.01)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    layer, x = noise.Dropout(0.3), torch.ones(400, 400)
    assert layer(x).mean().item() == pytest.approx(1, abs=0.01)
    assert layer(x).unique().tolist() == pytest.approx([0.0, 256 / (256 - 77)])
    assert layer.eval()(x) is x


def test_dropout_of_everything_leaves_zeros():
    assert not noise.Dropout(1.0)(torch.ones(40, 40)).any()


def test_side_by_side_each_draws_what_it_would_alone():
    keys = torch.tensor([noise.key(n) for n in range(5)])
    together = torch.func.vmap(lambda key: noise.keep(key, (3, 7), 0.4))(keys)
    for one, key in zip(together, keys, strict=True):
        assert (one == noise.keep(key, (3, 7), 0.4)).all()
