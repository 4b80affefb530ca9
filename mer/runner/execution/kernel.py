"""Start a Jupyter kernel on private sockets and without the user's configuration."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import AsyncKernelManager

MAX_SOCKET_CHARS = 100
"""The longest name of a Unix socket, in characters; operating systems allow 103 to 107."""

PROGRAM = """
import sys
from ipykernel import kernelapp
if sys.path[0] == "":
    del sys.path[0]
kernelapp.launch_new_instance()
app = kernelapp.IPKernelApp.instance()
for thread in (app.control_thread, app.shell_channel_thread):
    if thread is not None:
        thread.join(timeout=10)
"""
"""The program of a kernel process. The thread that ends the kernel still sends messages when the main
thread closes the sockets at exit; a socket that is closed in use aborts the process or holds it up for seconds
(ipykernel 7.4, libzmq's assertion `pfd.revents & POLLIN`). The main thread waits for it."""


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


def write_spec(folder: Path) -> None:
    """Write the specification of a kernel that runs in this interpreter and keeps no history."""
    folder.mkdir(parents=True)
    argv = [sys.executable, "-c", PROGRAM, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    spec = {
        "argv": argv,
        "display_name": "Python 3",
        "language": "python",
        "metadata": {"debugger": True, "supported_encryption": "curve"},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
