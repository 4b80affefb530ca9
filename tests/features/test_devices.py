"""The set-up of a process that trains or predicts with networks."""

import subprocess
import sys

SETUP = """
import sys
from mer.features import devices

assert devices.prepare("cpu", 2) == "cpu"
import torch

print(torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), "torch._dynamo" in sys.modules)
"""


def test_a_prepared_process_is_deterministic_and_has_not_loaded_the_compiler():
    done = subprocess.run([sys.executable, "-c", SETUP], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "2", "False"]
