"""The store of shared results: on a path, in memory and on an S3 server; damage, and a store that is out of reach."""

import os
import secrets
import threading

import pytest

from mer import files, shared
from mer.shared import SharedStore, UnreachableStore


@pytest.fixture(params=["path", "file", "memory", "s3"])
def address(request, tmp_path, monkeypatch):
    """The address of an empty store of each kind."""
    if request.param == "path":
        return str(tmp_path / "store")
    if request.param == "file":
        return f"file://{tmp_path / 'store'}"
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    return request.getfixturevalue("bucket")


@pytest.fixture
def bucket(monkeypatch):
    """The address of a new folder in a bucket of the S3 server on this machine that `MER_TEST_S3` names."""
    if not (server := os.environ.get("MER_TEST_S3")):
        pytest.skip("MER_TEST_S3 names no S3 server on this machine, such as 127.0.0.1:5000 of moto_server")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    from pyarrow.fs import S3FileSystem

    S3FileSystem(endpoint_override=server, scheme="http", region="us-east-1", allow_bucket_creation=True).create_dir(
        "mer-test"
    )
    place = secrets.token_hex(8)
    return f"s3://mer-test/{place}?endpoint_override={server}&scheme=http&region=us-east-1"


def test_files_go_in_and_come_out(address, tmp_path):
    store, source = SharedStore(address), tmp_path / "a.bin"
    assert store.names("trainings") == set()
    assert not store.fetch("trainings/a.bin", tmp_path / "b.bin")
    assert not (tmp_path / "b.bin").exists()
    for content in (b"one", b"another"):  # a file is replaced
        source.write_bytes(content)
        store.put(source, "trainings/a.bin")
        assert SharedStore(address).names("trainings") == {"a.bin"}
        assert SharedStore(address).fetch("trainings/a.bin", tmp_path / "deep" / "b.bin")
        assert (tmp_path / "deep" / "b.bin").read_bytes() == content
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["b.bin"]  # nothing temporary is left
    assert shared.check(address) is None


def test_a_name_that_many_write_at_once_is_always_whole(tmp_path):
    store, seen, stop = SharedStore(str(tmp_path / "store")), set(), threading.Event()
    sources = [tmp_path / f"{number}.bin" for number in range(4)]
    for number, source in enumerate(sources):
        source.write_bytes(bytes([number]) * 300_000)
    store.put(sources[0], "x/a.bin")

    def write(source):
        while not stop.is_set():
            store.put(source, "x/a.bin")

    threads = [threading.Thread(target=write, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for number in range(200):
        assert store.fetch("x/a.bin", tmp_path / "got" / f"{number}.bin")
        seen.add((tmp_path / "got" / f"{number}.bin").read_bytes())
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {source.read_bytes() for source in sources}
    assert store.names("x") == {"a.bin"}


def test_temporary_names_differ_within_a_process(tmp_path):
    with files.replacing(tmp_path / "a.txt") as one, files.replacing(tmp_path / "a.txt") as other:
        assert one != other
        for path in (one, other):
            path.write_text("x")


def test_a_store_out_of_reach_stops_nothing_and_is_asked_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv(shared.ADDRESS, str(tmp_path / "file" / "store"))
    store = shared.current()
    with pytest.warns(UserWarning, match="shared: .*cannot be used .*goes on without it"):
        assert shared.attempt(store, "put", tmp_path / "file", "a/b", otherwise="other") == "other"
    assert shared.current() is None
    assert shared.attempt(store, "names", "a", otherwise=set()) == set()  # without another warning


@pytest.mark.parametrize("address", ["nosuch://place", "s3+odd://a"])
def test_an_unknown_protocol_is_named(address):
    with pytest.raises(UnreachableStore, match=address.partition(":")[0].replace("+", r"\+")):
        SharedStore(address)
    assert shared.check(address).startswith(address)


def test_a_store_that_cannot_be_written_is_named_before_a_run(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "cannot be written" in shared.check(str(tmp_path / "file" / "store"))


def test_nothing_is_shared_without_an_address(monkeypatch):
    monkeypatch.delenv(shared.ADDRESS, raising=False)
    assert shared.current() is None
    assert shared.ADDRESS not in os.environ
