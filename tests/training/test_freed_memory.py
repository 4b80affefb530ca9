"""Freed memory is given back to the operating system."""

import subprocess
import sys

import pytest

from mer.acceleration import freed_memory

GAPS = """
import numpy as np
import psutil
from mer.acceleration import freed_memory

process = psutil.Process()
blocks = [np.ones(12_000) for _ in range(2_000)]  # 96 kB each, on the heap
last = np.ones(12_000)
del blocks
before = process.memory_info().rss
freed_memory.give_back()
print((before - process.memory_info().rss) // 1_000_000)
"""


@pytest.mark.skipif(freed_memory._trim() is None, reason="the C library is not glibc")
def test_memory_below_what_is_still_used_is_given_back():
    done = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100  # of 192 MB


def test_without_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(freed_memory, "_trim", lambda: None)
    freed_memory.give_back()
