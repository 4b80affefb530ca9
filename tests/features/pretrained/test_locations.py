import os
import shutil
import subprocess
import sys

import pytest

from mer import files
from mer.features.pretrained import locations
from tests.features.pretrained import tiny

PARAMETER = "features.audio.model"


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache, and no network: what HF_HUB_OFFLINE=1 sets when huggingface_hub is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(hub, name, folder, commit="a" * 40):
    """Put a folder where the hub's own cache would have it."""
    place = hub / f"models--{name.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / commit)
    files.write_text(place / "refs" / "main", commit)
    return place / "snapshots" / commit


def test_missing_model_message_names_the_download_command(offline):
    with pytest.raises(locations.NetworkNotFound) as caught:
        locations.find("someone/some-model", "v1.2", PARAMETER)
    assert str(caught.value) == (
        "features.audio.model: 'someone/some-model' is neither a folder nor among the models on this machine "
        "(HF_HUB_OFFLINE is set). Download it with internet access: hf download someone/some-model --revision v1.2"
    )
    assert caught.value.__suppress_context__


def test_offline_variable_is_respected_and_the_command_exists(tmp_path):
    """In a process of its own, since huggingface_hub reads the variable once."""
    program = f"from mer.features.pretrained import locations; locations.find('a/b', None, {PARAMETER!r})"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Download it with internet access: hf download a/b")
    from importlib.metadata import entry_points

    assert "hf" in {script.name for script in entry_points(group="console_scripts")}


def test_missing_model_message_without_internet_access(offline, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    with pytest.raises(
        locations.NetworkNotFound, match=r"\(LocalEntryNotFoundError\)\. Download it .*: hf download a/b$"
    ):
        locations.find("a/b", None, PARAMETER)


@pytest.mark.parametrize("tensors", ["model.safetensors", "pytorch_model.bin"])
def test_only_required_files_are_downloaded(tensors, offline, tmp_path, monkeypatch):
    import fnmatch

    from huggingface_hub import constants, errors

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    there = {
        "config.json",
        "tokenizer.json",
        tensors,
        "tf_model.h5",
        "flax_model.msgpack",
        "onnx/model.onnx",
        "README.md",
    }

    def snapshot_download(name, revision, local_files_only=False, allow_patterns=()):
        assert (name, revision) == ("a/b", "v1")
        if local_files_only:
            raise errors.LocalEntryNotFoundError("not here")
        for file in there:
            if any(fnmatch.fnmatch(file, pattern) for pattern in allow_patterns):
                files.write_text(tmp_path / "got" / file, "{}")
        return str(tmp_path / "got")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert locations.find("a/b", "v1", PARAMETER) == tmp_path / "got"
    got = {path.relative_to(tmp_path / "got").as_posix() for path in (tmp_path / "got").rglob("*") if path.is_file()}
    assert got == {"config.json", "tokenizer.json", tensors}


def test_hub_cache_is_read(offline, tmp_path):
    folder = tiny.sound(tmp_path / "mine")
    there = cached(offline, "someone/some-model", folder)
    assert locations.find("someone/some-model", None, PARAMETER) == there
    assert locations.find("someone/some-model", "a" * 40, PARAMETER) == there
    with pytest.raises(locations.NetworkNotFound, match="--revision v2"):
        locations.find("someone/some-model", "v2", PARAMETER)
    assert locations.digest(there) == locations.digest(folder)


def test_folders_without_a_network_are_refused(offline, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(locations.NetworkNotFound, match=r"has no config\.json"):
        locations.find(str(tmp_path / "empty"), None, PARAMETER)
    with pytest.raises(locations.NetworkNotFound, match="there is no folder"):
        locations.find(str(tmp_path / "nowhere"), None, PARAMETER)
    with pytest.raises(locations.NetworkNotFound, match="there is no folder"):
        locations.find("../somewhere/else", None, PARAMETER)
    with pytest.raises(ValueError, match="is a folder, which has no revision 'v1'"):
        locations.find(str(tiny.sound(tmp_path / "mine")), "v1", PARAMETER)
    with pytest.raises(locations.NetworkNotFound, match=r"features\.audio\.weights: there is no file"):
        locations.checkpoint(str(tmp_path / "no.pt"), "features.audio.weights")


def test_digest_depends_on_content_and_not_on_the_path(tmp_path):
    folder = tiny.text(tmp_path / "one")
    first = locations.digest(folder)
    assert locations.digest(shutil.copytree(folder, tmp_path / "two")) == first
    (folder / "README.md").write_text("no matter")
    assert locations.digest(folder) == first
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        copy = shutil.copytree(folder, tmp_path / name)
        content = bytearray((copy / name).read_bytes())
        content[-1] ^= 1
        (copy / name).write_bytes(content)
        assert locations.digest(copy) != first
    other = tmp_path / "other.safetensors"
    other.write_bytes((folder / "model.safetensors").read_bytes())
    assert locations.digest(folder, other) == first  # the same tensors, wherever they come from
    other.write_bytes(b"else")
    assert locations.digest(folder, other) != first


def test_digest_covers_shards(tmp_path):
    files.write_json(tmp_path / "config.json", {})
    files.write_json(
        tmp_path / "model.safetensors.index.json", {"weight_map": {"a": "x.safetensors", "b": "y.safetensors"}}
    )
    (tmp_path / "x.safetensors").write_bytes(b"x")
    (tmp_path / "y.safetensors").write_bytes(b"y")
    first = locations.digest(tmp_path)
    (tmp_path / "y.safetensors").write_bytes(b"other")
    assert locations.digest(tmp_path) != first


@pytest.mark.parametrize("index", [[], {}, {"weight_map": 3}, {"weight_map": {"a": "../x"}}, {"weight_map": {"a": 1}}])
def test_index_may_name_only_files_in_its_folder(index, tmp_path):
    files.write_json(tmp_path / "model.safetensors.index.json", index)
    with pytest.raises(ValueError, match=r"index\.json: expected `weight_map`"):
        locations.digest(tmp_path)


def test_importing_features_loads_no_torch():
    program = "import sys, mer.features, mer.features.pretrained.whisper; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "huggingface_hub"} & set(done.stdout.split())
