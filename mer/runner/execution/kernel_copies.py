"""Kernels that are copies of one process (kernel_source.py), as Jupyter starts and ends them."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from importlib.metadata import EntryPoint
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

PROVISIONER = "mer-copy"
"""The name under which Jupyter finds `Provisioner`."""
SECONDS = 20.0
"""The longest time in which a copy has to answer."""


def declaration(address: str) -> dict:
    """Return the metadata of a kernel's specification that make it a copy; none without a server.

    Args:
        address: of the server; empty without one.
    """
    if not address:
        return {}
    entry = EntryPoint(PROVISIONER, f"{__name__}:Provisioner", KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.instance().provisioners[PROVISIONER] = entry
    return {"kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {"address": address}}}


class Provisioner(LocalProvisioner):
    """Starts a kernel as a copy, or as a new process if the server is not ready."""

    def __init__(self, *, address: str, **options: Any) -> None:
        super().__init__(**options)
        self._address = address

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict:
        """Start the kernel; return how to connect to it."""
        with contextlib.suppress(OSError, ValueError):
            self.process = Copy(self._address, cmd, kwargs["env"], kwargs.get("cwd") or os.getcwd())  # noqa: PTH109
            self.pid = self.pgid = self.process.pid
            return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)


class Copy:
    """A kernel that is a copy, with the methods of `subprocess.Popen` that Jupyter uses.

    Raises:
        OSError: the server is not ready.
        ValueError: the server ended before it made the copy.
    """

    stdin = stdout = stderr = None

    def __init__(self, address: str, command: list[str], environment: dict[str, str], folder: str) -> None:
        self.returncode: int | None = None
        content = json.dumps({"argv": command[1:], "environment": environment, "folder": str(folder)}).encode()
        self._connection = socket.socket(socket.AF_UNIX)
        self._lines = self._connection.makefile("rb")
        try:
            self._connection.settimeout(SECONDS)
            self._connection.connect(address)
            socket.send_fds(self._connection, [len(content).to_bytes(4, "big")], [1, 2])
            self._connection.sendall(content)
            self.pid = int(self._lines.readline())
        except (OSError, ValueError):
            self._close()
            raise

    def poll(self) -> int | None:
        """Return the exit code; None while it runs. It is killed if its server ends."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.returncode = int(self._lines.readline() or -signal.SIGKILL)
            self._close()
        return self.returncode

    def _close(self) -> None:
        self._lines.close()  # while it is open, the connection is not closed either
        self._connection.close()

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as soon as it has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        until = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("kernel", timeout)
            select.select([self._connection], [], [], 0.1)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)
