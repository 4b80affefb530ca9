"""A process that has imported the large libraries once; the kernels of a run are copies of it.

    python -P kernel_server.py SOCKET

It imports nothing of `mer`, so that each kernel reads the code of its own time. It has no other Python thread.
It ends when its standard input ends, that is, with the runner, and its kernels end with it. A kernel also ends when the
connection of the worker that asked for it ends.
"""

import contextlib
import ctypes
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import tempfile
import types
from dataclasses import dataclass
from typing import Any

LIBRARIES = (
    "numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "sklearn.linear_model", "pydantic", "yaml",
    "tqdm.auto", "torch", "torch.utils.deterministic", "matplotlib.figure", "IPython", "ipykernel.kernelapp", "zmq",
)  # fmt: skip
"""What notebooks import. Not pyplot, which chooses its backend when it is imported."""
OUTPUTS = 2
"""The number of files that come with a request: standard output and standard error of the kernel."""
MAX_REQUEST_BYTES = 16_000_000
SECONDS = 10.0
"""The longest time in which a request has to arrive."""
END_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


@dataclass(frozen=True)
class Request:
    """What a kernel is started with.

    Attributes:
        argv: the words after the interpreter: `-c`, the program, and its arguments.
        environment: all variables.
        folder: the working directory.
        outputs: descriptors of standard output and standard error.
    """

    argv: list[str]
    environment: dict[str, str]
    folder: str
    outputs: list[int]


def main(address: str) -> None:
    """Serve until the standard input ends; in a copy, run a kernel."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    partial = f"{address}.new"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(partial)
    listener.listen()
    os.rename(partial, address)  # from now on it is found  # noqa: PTH104
    if (copy := _serve(listener)) is not None:
        _run(*copy)


def _serve(listener: socket.socket) -> tuple[socket.socket, Request] | None:
    """Make kernels; return None at the end, and in a kernel the connection to its worker and the request."""
    kernels: dict[int, tuple[socket.socket, int]] = {}  # descriptor of a connection or of a process -> kernel
    with selectors.DefaultSelector() as waiting:
        for place in (listener, sys.stdin):
            waiting.register(place, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is sys.stdin:
                    for _, pid in kernels.values():
                        _kill(pid)
                    return None
                if key.fileobj is not listener:
                    _end(waiting, kernels, key.fd)
                    continue
                connection, request = _accept(listener)
                if request is None:
                    continue
                if (pid := os.fork()) == 0:
                    _close(waiting)
                    return connection, request
                for descriptor in request.outputs:
                    os.close(descriptor)
                _watch(waiting, kernels, connection, pid)


def _accept(listener: socket.socket) -> tuple[socket.socket, Request | None]:
    """Read a request; None if it does not arrive."""
    connection, _ = listener.accept()
    connection.settimeout(SECONDS)
    outputs: list[int] = []
    try:
        size, outputs, _, _ = socket.recv_fds(connection, 4, OUTPUTS)
        content = connection.makefile("rb").read(min(int.from_bytes(size, "big"), MAX_REQUEST_BYTES))
        return connection, Request(**json.loads(content), outputs=list(outputs))
    except (OSError, ValueError, TypeError):
        for descriptor in outputs:
            os.close(descriptor)
        connection.close()
        return connection, None


def _watch(waiting: Any, kernels: dict, connection: socket.socket, pid: int) -> None:
    """Wait for the end of the worker and for that of its kernel."""
    process = os.pidfd_open(pid)
    for place in (connection, process):
        waiting.register(place, selectors.EVENT_READ)
        kernels[place if isinstance(place, int) else place.fileno()] = (connection, pid)


def _end(waiting: Any, kernels: dict, descriptor: int) -> None:
    """End a kernel, or notice its end; tell its worker the exit code."""
    if descriptor not in kernels:  # its other descriptor was ready at the same time
        return
    connection, pid = kernels[descriptor]
    _kill(pid)  # what it has left in its group, too
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(b"%d\n" % code)
    for other in [other for other, kernel in kernels.items() if kernel[1] == pid]:
        waiting.unregister(other)
        del kernels[other]
        if other != connection.fileno():
            os.close(other)
    connection.close()


def _kill(pid: int) -> None:
    """End a kernel and its group, which it may not have made yet."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(pid, signal.SIGKILL)


def _close(waiting: Any) -> None:
    """Close in a copy what belongs to the server.

    A socket is closed as an object: it would close its number again at the end, which is then that of another file.
    """
    for key in list(waiting.get_map().values()):
        if isinstance(key.fileobj, int):
            os.close(key.fileobj)
        elif key.fileobj is not sys.stdin:
            key.fileobj.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _run(connection: socket.socket, request: Request) -> None:
    """Make this copy as a new process would be, tell the worker its number, and run the kernel in it."""
    os.setsid()
    ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGKILL)
    connection.sendall(b"%d\n" % os.getpid())  # fails if the worker has ended
    connection.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, descriptor in zip((1, 2), request.outputs, strict=True):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    tempfile.tempdir = None  # of the server's environment
    random.seed()
    sys.modules["numpy"].random.seed()
    # ipykernel has read the variable that names the parent when it was imported; without one it prints how to connect
    sys.argv = ["-c", *request.argv[2:], f"--IPKernelApp.parent_handle={os.getppid()}"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    exec(request.argv[1], vars(sys.modules["__main__"]))  # noqa: S102 - the program of kernel.py


if __name__ == "__main__":
    main(sys.argv[1])
