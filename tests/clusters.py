"""A dask cluster of several worker processes on this machine, for tests."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

from mer import files, pools
from mer.pools import dask_cluster


class Cluster:
    """A scheduler and workers, each a process that can be killed.

    Attributes:
        address: the address of the scheduler.
    """

    def __init__(self, folder, workers, *options):
        self.folder, self._processes = folder, []
        self._file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", self._file)
        until = time.monotonic() + 150
        while not self._file.exists() or not self._file.stat().st_size:
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.05)
        self.address = files.read_json(self._file)["address"]
        self.start_workers(workers, *options)
        self.wait_for(workers)

    def start_workers(self, count, *options):
        self._start(
            "worker", self.address, "--nthreads", "1", "--nworkers", count, "--no-dashboard", "--host", "127.0.0.1",
            "--local-directory", self.folder, *options,
        )  # fmt: skip

    def _start(self, *words):
        environment = os.environ | {"PYTHONPATH": str(files.ROOT), "PYTHONHASHSEED": "0"}
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            self._processes.append(subprocess.Popen([sys.executable, "-m", "dask", *map(str, words)], stdout=log,
                                                    stderr=log, cwd=self.folder, env=environment))  # fmt: skip

    @property
    def client(self):
        return dask_cluster.client(self.address)

    def wait_for(self, workers, seconds=200):
        until = time.monotonic() + seconds
        while len(dask_cluster.workers(self.client)) < workers:
            assert time.monotonic() < until, (self.folder / "worker.log").read_text()
            time.sleep(0.1)

    def pids(self):
        """Return the numbers of the worker processes."""
        return list(self.client.run(os.getpid).values())

    def stop(self):
        self.client.close()
        dask_cluster.client.cache_clear()
        for process in self._processes[::-1]:
            process.terminate()
        for process in self._processes:
            process.wait(20)


@contextmanager
def running(folder, workers=3, *options):
    """Yield a cluster."""
    cluster = Cluster(folder, workers, *options)
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def used(cluster):
    """Let units be sent to a cluster while the block runs."""
    os.environ[pools.CLUSTER] = cluster.address
    try:
        yield
    finally:
        del os.environ[pools.CLUSTER]
