"""Notes before a run: the space of stored frames, and layers that cannot be checked."""

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from mer import preflight
from mer.params.schema import Params
from mer.preflight import networks
from tests.features.pretrained import tiny
from tests.preflight.test_preflight import encoder, problems

WIDTH, BLOCKS = tiny.BLOCKS["hidden_size"], tiny.BLOCKS["num_hidden_layers"]


def notes(run_folder, steps=("01", "02"), **sections):
    p = Params(name="x", corpora={"emodb": {}}, systems={"gated": {"model": "gated"}}, **sections)
    return preflight.notes(p, run_folder, set(steps))


@pytest.mark.parametrize(("layer", "layers"), [(1, 1), ("all", BLOCKS + 1)])
@pytest.mark.parametrize("make", [tiny.sound, tiny.whisper])
def test_space_of_frames_follows_from_the_manifest(make, layer, layers, tmp_path):
    features = encoder(make(tmp_path / "network"), keep="frames", max_frames=50, layer=layer)
    size = (50 * layers * WIDTH + 1) * 2
    [note] = notes(tmp_path, features=features)
    assert note.startswith("features.audio.keep: frames take ")
    assert f"take {size * 1000 / 2**20:,.0f} MiB in the store for 1,000 recordings (an hour of audio" in note
    rows = [("a", None, None, None), ("b", 0.0, 1.0, None), ("b", 1.0, 2.0, None), ("b", 1.0, 2.0, None),
            ("c", None, None, "too short"), (None, None, None, None)]  # fmt: skip
    (tmp_path / "data").mkdir()
    table = pd.DataFrame(rows, columns=["audio_sha256", "start", "end", "exclude_reason"])
    table.to_parquet(tmp_path / "data/manifest.parquet")
    [note] = notes(tmp_path, features=features)
    assert f"frames of 3 recordings take {3 * size / 2**20:.2f} MiB" in note


def test_space_is_stated_of_frames_and_extraction_only(tmp_path):
    folder = tiny.sound(tmp_path / "network")
    assert notes(tmp_path, features=encoder(folder)) == []
    assert notes(tmp_path, steps=("01", "03"), features=encoder(folder, keep="frames")) == []
    [note] = notes(tmp_path, features=encoder("owner/absent", keep="frames"))
    assert "is not known before the network 'owner/absent' is here" in note


def test_space_of_faces_is_stated_of_trained_inputs_only(tmp_path):
    video = {"extractor": "resnet50", "weights": "w.pt", "frames_per_second": 10}
    assert notes(tmp_path, features={"video": video}) == []
    [note] = notes(tmp_path, features={"video": video | {"train": "all"}})
    assert (
        note == f"features.video.train: faces take up to {600 * 224 * 224 * 3 / 2**20:.0f} MiB in the store for "
        "each minute of video"
    )


def as_checkpoint(folder, **options):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin", **options)
    (folder / "model.safetensors").unlink()


def test_layers_of_torch_checkpoints_are_checked_by_name(tmp_path):
    folder = tiny.sound(tmp_path / "model", head="ForSequenceClassification")
    names = set(networks.tensor_names(folder, None))
    as_checkpoint(folder)
    assert names <= set(networks.tensor_names(folder, None))
    assert problems(features=encoder(folder, layer="projector")) == []
    [problem] = problems(features=encoder(folder, layer="projektor"))
    assert problem == "features.audio.layer: the network has no module 'projektor' with weights"
    assert notes(tmp_path, features=encoder(folder, layer="projector")) == []


def test_checkpoint_whose_names_cannot_be_read_is_noted(tmp_path):
    folder = tiny.sound(tmp_path / "model", head="ForSequenceClassification")
    as_checkpoint(folder, _use_new_zipfile_serialization=False)
    assert problems(features=encoder(folder, layer="projektor")) == []
    [note] = notes(tmp_path, features=encoder(folder, layer="projektor"))
    assert note.startswith("features.audio.layer: is checked in step 02 only")
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04 damaged")
    assert networks.tensor_names(folder, None) == []


def test_names_are_read_without_running_code(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"layer.weight": Harmful()}, tmp_path / "pytorch_model.bin")
    assert "layer.weight" in networks.tensor_names(tmp_path, None)
