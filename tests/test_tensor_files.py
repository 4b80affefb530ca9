import os
import stat

import numpy as np
import pytest
import torch
from safetensors import safe_open

from mer import tensor_files

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(3), "c": np.zeros((0, 2), bool)}


def content(path):
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_arrays_are_read_as_they_were_whatever_their_order_in_memory(tmp_path):
    tensor_files.write(tmp_path / "a.safetensors", ARRAYS, {"key": "value"})
    arrays, metadata = content(tmp_path / "a.safetensors")
    assert metadata == {"key": "value"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(arrays[name], array)


def test_tensors_and_arrays_of_the_same_content_are_the_same_file(tmp_path):
    tensors = {"a": torch.arange(4.0), "b": torch.ones(2, 2, dtype=torch.int64)}
    tensor_files.write(tmp_path / "torch", tensors, {"format": "pt"})
    tensor_files.write(tmp_path / "numpy", {name: one.numpy() for name, one in tensors.items()}, {"format": "pt"})
    assert (tmp_path / "torch").read_bytes() == (tmp_path / "numpy").read_bytes()


def test_tensors_that_arrays_cannot_hold_are_kept(tmp_path):
    tensor_files.write(tmp_path / "a", {"a": torch.ones(3, dtype=torch.bfloat16)}, {})
    with safe_open(tmp_path / "a", "torch") as file:
        assert file.get_tensor("a").dtype == torch.bfloat16


@pytest.mark.skipif(os.name != "posix", reason="permissions")
@pytest.mark.parametrize("tensors", [ARRAYS, {"a": torch.ones(2)}])
def test_everyone_whom_the_umask_admits_may_read_the_file(tmp_path, tensors):
    before = os.umask(0o022)
    try:
        tensor_files.write(tmp_path / "a", tensors, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_errors_name_the_path(tmp_path):
    with pytest.raises(OSError, match=r"missing.*a\.safetensors"):
        tensor_files.write(tmp_path / "missing" / "a.safetensors", ARRAYS, {})
