"""A cluster across network namespaces: scheduler and workers have separate addresses and no loopback in common."""

import json
import os
import shutil
import subprocess
import sys
import uuid

import pytest

pytest.importorskip("distributed", reason="needs the extra dask")

from mer import files

PREFIX = "mer" + uuid.uuid4().hex[:5]
NETWORK = "10.77.{}.{}"

PROGRAM = """
import json, os, sys, time
from functools import partial
from pathlib import Path
from mer import pools
from mer.pools import dask_cluster
from tests.test_dask_cluster import slow_once, square
address, folder = sys.argv[1], Path(sys.argv[2])
client = dask_cluster.client(address)
until = time.monotonic() + 90
while len(dask_cluster.workers(client)) < 4 and time.monotonic() < until:
    time.sleep(0.2)
problems = dask_cluster.check(address, {"the run folder": folder})
os.environ[pools.CLUSTER] = address
results = [result for result, _ in pools.ordered(pools.Work("squares", square), list(range(40)), 1, chunk=2)]
list(pools.completed(pools.Work("waiting", partial(slow_once, folder)), range(12), 1))
hosts = sorted({name.split("//")[1].split(":")[0] for name in dask_cluster.workers(client)})
print(json.dumps({"problems": problems, "results": results, "hosts": hosts}))
"""


def ip(*words):
    return subprocess.run([shutil.which("ip"), *words], capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def namespaces():
    """Three namespaces: a bridge in the first, to which the other two are connected."""
    if sys.platform != "linux" or not shutil.which("ip") or ip("netns", "add", f"{PREFIX}0").returncode:
        pytest.skip("this user may not make network namespaces")
    names = [f"{PREFIX}{n}" for n in range(3)]
    third = os.getpid() % 250
    addresses = [NETWORK.format(third, n + 1) for n in range(3)]
    done = [ip("netns", "exec", names[0], "ip", *words) for words in (
        ("link", "add", "br0", "type", "bridge"), ("addr", "add", f"{addresses[0]}/24", "dev", "br0"),
        ("link", "set", "br0", "up"), ("link", "set", "lo", "up"))]  # fmt: skip
    for n in (1, 2):
        done += [
            ip("netns", "add", names[n]),
            ip("-n", names[0], "link", "add", f"v{n}", "type", "veth", "peer", "name", "eth0", "netns", names[n]),
            ip("-n", names[0], "link", "set", f"v{n}", "master", "br0", "up"),
            ip("-n", names[n], "addr", "add", f"{addresses[n]}/24", "dev", "eth0"),
            ip("-n", names[n], "link", "set", "eth0", "up"),
            ip("-n", names[n], "link", "set", "lo", "up"),
        ]
    try:
        if failed := [one.stderr.strip() for one in done if one.returncode]:
            pytest.skip(f"this machine does not connect network namespaces: {failed[0]}")
        yield list(zip(names, addresses, strict=True))
    finally:
        for name in names:
            ip("netns", "del", name)


def start(namespace, folder, *words, **more):
    environment = os.environ | {"PYTHONPATH": str(files.ROOT), "PYTHONHASHSEED": "0"}
    command = ["ip", "netns", "exec", namespace, sys.executable, *map(str, words)]
    return subprocess.Popen(command, cwd=files.ROOT, env=environment, text=True, **more)


@pytest.mark.slow
def test_units_across_namespaces(namespaces, tmp_path):
    (head, address), *others = namespaces
    address = f"tcp://{address}:8786"
    with (tmp_path / "log").open("w") as log:
        out = {"stdout": log, "stderr": log}
        processes = [start(head, tmp_path, "-m", "dask", "scheduler", "--host", address, "--no-dashboard", **out)]
        processes += [
            start(name, tmp_path, "-m", "dask", "worker", address, "--nthreads", 1, "--nworkers", 2, "--no-dashboard",
                  "--host", host, "--local-directory", tmp_path / name, **out)
            for name, host in others
        ]  # fmt: skip
        try:
            client = start(head, tmp_path, "-c", PROGRAM, address, tmp_path / "run", stdout=subprocess.PIPE)
            printed, _ = client.communicate(timeout=200)
        finally:
            for process in processes[::-1]:
                process.terminate()
            for process in processes:
                process.wait(20)
    assert client.returncode == 0, (tmp_path / "log").read_text()
    outcome = json.loads(printed.splitlines()[-1])
    assert outcome["problems"] == []
    assert outcome["results"] == [number**2 for number in range(40)]
    assert outcome["hosts"] == [host for _, host in others]
    assert sorted(path.name for path in (tmp_path / "run").glob("*.finished")) == sorted(
        f"{n}.finished" for n in range(12)
    )
