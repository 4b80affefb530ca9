"""A kernel that nobody else can reach and that reaches nobody else's settings."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import AsyncKernelManager

LONGEST_SOCKET = 100
"""characters; the systems allow 103 to 107 for the name of a Unix socket"""

PROGRAM = """
import sys, threading
from ipykernel import iostream, kernelapp
if sys.path[0] == "":
    del sys.path[0]
flush = iostream.OutStream.flush
def unless_ending(self):
    if threading.current_thread().name != "Control":
        flush(self)
iostream.OutStream.flush = unless_ending
kernelapp.launch_new_instance()
"""
"""What a kernel runs. When it is told to end, the thread that was told flushes over a thread that the main one may
have closed by then, and waits for it: one notebook in four ended 2.8 s late (ipykernel 7.4)."""


def private(folder: Path, made: Callable[[Any], None]) -> type:
    """Return a kernel manager over Unix sockets in a folder of its own, where the system has them.

    TCP ports can race between kernels that start at once, and are open to everybody on the machine. They are
    used, encrypted, on Windows and where the folder's name is too long for a socket.
    """
    sockets = os.name == "posix" and len(str(folder / "k-12")) < LONGEST_SOCKET

    class PrivateKernel(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            if sockets:
                options |= {"transport": "ipc", "ip": str(folder / "k")}
            elif zmq.has("curve"):
                options |= {"transport_encryption": "required"}
            super().__init__(connection_file=str(folder / "c.json"), **options)
            made(self)

    return PrivateKernel


def write_spec(folder: Path) -> None:
    """Describe a kernel that runs in this interpreter and keeps no history."""
    folder.mkdir(parents=True)
    argv = [sys.executable, "-c", PROGRAM, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    spec = {
        "argv": argv,
        "display_name": "Python 3",
        "language": "python",
        "metadata": {"debugger": True, "supported_encryption": "curve"},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
