"""Start a Jupyter kernel on private sockets and without the user's configuration."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import AsyncKernelManager

from mer.runner.execution import kernel_copies

MAX_SOCKET_CHARS = 100
"""The longest name of a Unix socket, in characters; operating systems allow 103 to 107."""

PROGRAM = """
import os, sys, zmq
from ipykernel import kernelapp
from zmq.eventloop.zmqstream import ZMQStream
if sys.path[0] == "":
    del sys.path[0]

class PrivateOutput(kernelapp.IOPubThread):
    address = "ipc://" + os.path.join(os.path.dirname(sys.argv[sys.argv.index("-f") + 1]), "k-p")

    def _setup_pipe_in(self):
        self._pipe_uuid = os.urandom(16)
        pipe_in = self.socket.context.socket(zmq.PULL)
        pipe_in.linger = 0
        pipe_in.bind(self.address)
        self._pipe_in = ZMQStream(pipe_in, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self):
        context = zmq.Context()
        pipe_out = context.socket(zmq.PUSH)
        pipe_out.linger = 3000
        pipe_out.connect(self.address)
        return context, pipe_out

if os.name == "posix" and len(PrivateOutput.address) < 105:
    kernelapp.IOPubThread = PrivateOutput
kernelapp.launch_new_instance()
app = kernelapp.IPKernelApp.instance()
for thread in (app.control_thread, app.shell_channel_thread):
    if thread is not None:
        thread.join(timeout=10)
"""
"""The program of a kernel process. The socket through which forked processes print is private: ipykernel would open
a TCP port for it. The thread that ends the kernel still sends messages when the main thread closes the sockets at exit;
a socket that is closed in use aborts the process or holds it up for seconds (ipykernel 7.4, libzmq's assertion
`pfd.revents & POLLIN`). The main thread waits for it."""


def private_kernel(folder: Path, on_created: Callable[[Any], None]) -> type:
    """Return the class of a kernel manager that uses Unix sockets in a folder of its own, if the system has them.

    Kernels that start at once can race for TCP ports, which are also open to every user of the machine. They are
    used, encrypted, on Windows and if the folder's name is too long for a socket.

    Args:
        folder: the folder of the sockets.
        on_created: receives each manager that is created.
    """
    sockets = os.name == "posix" and len(str(folder / "k-12")) < MAX_SOCKET_CHARS

    class PrivateKernel(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            if sockets:
                options |= {"transport": "ipc", "ip": str(folder / "k")}
            elif zmq.has("curve"):
                options |= {"transport_encryption": "required"}
            super().__init__(connection_file=str(folder / "c.json"), **options)
            on_created(self)

        async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
            """End the kernel without an interrupt, which could reach a kernel that is finishing its last cell."""
            if now:
                return await super().shutdown_kernel(now=True, restart=restart)
            self.shutting_down = True
            self.stop_restarter()
            await self.request_shutdown(restart=restart)
            await self.finish_shutdown(restart=restart)
            await self.cleanup_resources(restart=restart)

    return PrivateKernel


def write_spec(folder: Path, kernels: str = "") -> None:
    """Write the specification of a kernel that runs in this interpreter and keeps no history.

    Args:
        folder: the folder of the specification.
        kernels: the address of the process that the kernel is a copy of, if there is one.
    """
    folder.mkdir(parents=True)
    argv = [sys.executable, "-c", PROGRAM, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    spec = {
        "argv": argv,
        "display_name": "Python 3",
        "language": "python",
        "metadata": {"debugger": True, "supported_encryption": "curve"} | kernel_copies.declaration(kernels),
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
