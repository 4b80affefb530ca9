"""The GPUs that notebooks can be given."""

import os
import sys

import pytest

from mer.runner.execution import devices

LISTED = "GPU 0: A Card (UUID: GPU-1)\nGPU 1: A Card (UUID: GPU-2)\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose `nvidia-smi -L` says so; returns how to set that."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    monkeypatch.setenv("PATH", str(tmp_path))

    def says(text, code=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!{sys.executable}\nprint({text!r}, end='')\nraise SystemExit({code})\n")
        program.chmod(0o755)

    return says


@pytest.mark.skipif(os.name != "posix", reason="a script in place of a program")
@pytest.mark.parametrize(
    ("text", "code", "expected"), [(LISTED, 0, ("0", "1")), (LISTED, 9, ()), ("No devices found.\n", 0, ())]
)
def test_each_listed_device_is_repeated_by_the_number_of_steps_that_share_it(machine, text, code, expected):
    assert devices.gpus("auto") == ()  # no driver
    machine(text, code)
    assert devices.gpus("auto") == devices.gpus("cuda") == expected
    assert devices.gpus("cuda", 2) == tuple(number for number in expected for _ in range(2))
    assert devices.gpus("cpu", 2) == ()


@pytest.mark.parametrize(("visible", "expected"), [("3,5", ("3", "5")), ("", ()), ("-1", ())])
def test_hidden_devices_are_not_used(machine, monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus("auto") == expected


def test_an_apple_chip_is_one_device(monkeypatch):
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(devices.platform, "machine", lambda: "arm64")
    assert devices.gpus("auto", 2) == ("mps", "mps")
