"""From videos to the folder of a model that has trained its encoder of faces."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from skimage import data

from mer import features, files
from mer.evaluation.purity import dependencies
from mer.features import encoder_items, network_origins
from mer.features.extractor import Resources
from mer.features.video.extract import keys, segment_function
from mer.media import video
from mer.params.features import Transcripts, read_inputs
from mer.params.schema import Data
from mer.report.pages.hub_card import encoder_card
from mer.training.checkpoints import checkpoint, encoder_folders
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.inputs import extraction
from mer.training.finetune import loop
from mer.training.task import Task
from tests.media.video_files import film, grey
from tests.training.finetune import toy_faces
from tests.training.finetune.toy_faces import job

FACE = data.astronaut()[:220, 110:330]
"""A real face of half the width of this image."""


def frame(number: int, colour: np.ndarray) -> np.ndarray:
    """A face of one colour in front of grey, which moves with the number."""
    picture = grey(90, (220, 240))
    picture[:, 5 + 3 * number : 225 + 3 * number] = np.clip(FACE.astype(int) - 40 + colour, 0, 255)
    return picture


@pytest.fixture(scope="module", autouse=True)
def small_network():
    with toy_faces.small():
        yield


def state(model):
    return {name: value.clone() for name, value in model.encoders["video"].body.state_dict().items()}


def manifest(count: int) -> pd.DataFrame:
    """Rows as a checkpoint's lineage reads them."""
    rows = np.arange(count)
    speakers = [f"c_{n % 3}" for n in rows]
    return pd.DataFrame({
        "utterance_id": [f"u{n}" for n in rows], "corpus": "c", "family": "c", "speaker_id": speakers,
        "audio_sha256": [f"{n:064x}" for n in rows], "samples_sha256": [f"{n:064x}" for n in rows],
        "dialogue_id": None, "turn_index": pd.NA, "transcription": None, "lexical_control": "free", "split": None,
        "fold": 0, "exclude_reason": None, "start": None, "end": None,
    }).astype({"start": "Float64", "end": "Float64"})  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A task from videos, one without a face, with what a checkpoint stores of it: (folder, task, record)."""
    folder = tmp_path_factory.mktemp("videos")
    file = toy_faces.weights(folder)
    names = [f"{n}.mp4" for n in range(9)]
    for n, name in enumerate(names[:8]):
        film(folder / name, [frame(k, toy_faces.COLOURS[n % 3]) for k in range(3 + n % 2)], rate=5)
    film(folder / names[8], [grey(90, (220, 240))] * 3, rate=5)
    digests = [files.digest_file(folder / name) for name in names]
    table = manifest(9).assign(video_path=names, video_sha256=digests)
    inputs = read_inputs({"video": {"extractor": "resnet50", "weights": str(file), "train": "all", "train_frames": 2}})
    store, specs, addresses = folder / "store", features.specs(inputs, Data()), features.keys(table, inputs)
    features.extract(table, folder, store, inputs, Data(), Resources(jobs=2))
    vectors = features.load(addresses, store, specs)
    vectors = replace(vectors, items=encoder_items.load(inputs, addresses, store, specs))
    task = Task(vectors, np.arange(9) % 3, np.array(["c"] * 9), 4)
    networks = network_origins.to_json(network_origins.origins(inputs, Transcripts(), specs))
    record = checkpoint.StudyRecord(specs, ("a", "b", "c", "d"), table, networks, inputs, Data())
    return folder, task, record


@pytest.fixture(scope="module")
def saved(study, tmp_path_factory):
    """A model that was trained on these videos, its job and its folder."""
    _, task, record = study
    one, folder = (
        job(8, batch_size=3, encoders={"learning_rate": 1e-3}),
        tmp_path_factory.mktemp("saved") / "tuned-seed0",
    )
    model = loop.fit(task, one)
    checkpoint.save(folder, model, one, task, record)
    return model, one, folder


def test_videos_are_decoded_once(study, monkeypatch):
    folder, task, record = study
    assert task.features.present["video"].tolist() == [True] * 8 + [False]
    assert task.features.items["video"].lengths(np.arange(9)).tolist() == [3, 4] * 4 + [0]
    read = []
    monkeypatch.setattr(video, "frames", lambda *_, **__: read.append(1))
    features.extract(record.manifest, folder, folder / "store", record.inputs, record.data, Resources())
    loop.fit(task, job(8, epochs=1, batch_size=3))
    assert not read


def test_vectors_of_an_untrained_encoder_are_those_of_the_frozen_input_from_videos(study, tmp_path):
    folder, task, record = study
    frozen = {name: one.frozen for name, one in record.inputs.items()}
    features.extract(record.manifest, folder, tmp_path, frozen, Data(), Resources())
    addresses, specs = features.keys(record.manifest, frozen), features.specs(frozen, Data())
    assert specs == record.specs
    assert not list(tmp_path.glob("crops-*"))
    loaded = features.load(addresses, tmp_path, specs)
    np.testing.assert_array_equal(loaded.arrays["video"], task.features.arrays["video"])
    own = loop.Finetuning(task, job(8), "cpu").model.encoded(task.features, np.arange(9))
    np.testing.assert_allclose(own.arrays["video"], loaded.arrays["video"], atol=1e-5)


def test_checkpoint_predicts_from_crops_and_from_videos(saved, study):
    model, one, folder = saved
    raw, task, record = study
    loaded, stored = checkpoint.load(folder, fields=None)
    assert (checkpoint.predict(loaded, stored, task, one.test) == model.predict(task.features, one.test)).all()
    untrained = loop.Finetuning(task, one, "cpu").model.predict(task.features, one.test)
    assert np.abs(untrained - model.predict(task.features, one.test)).max() > 1e-3
    sections, limits = extraction.extraction_parameters(stored, {})
    assert sections["video"].weights == str((folder / "encoders" / "video" / "model.safetensors").absolute())
    compute = extraction.open_extractors(stored, ("video",), sections, limits, Resources())["video"]
    segment = segment_function(record.manifest, raw, limits.max_seconds)
    vectors = compute([segment(keys(record.manifest)[n]) for n in one.test])
    alone = features.Features({"video": np.stack(vectors)}, {"video": np.ones(len(vectors), bool)})
    assert (loaded.predict(alone, np.arange(len(vectors))) == model.predict(task.features, one.test)).all()


def test_folder_is_bound_to_the_card_and_has_its_lineage(saved, study, tmp_path):
    _, one, folder = saved
    _, task, record = study
    inputs = {"video": encoder_folders.section(folder, record.inputs["video"].named("video"))}
    specs = features.specs(inputs, Data())
    [network] = [o for o in network_origins.origins(inputs, Transcripts(), specs) if o.parameter.endswith(".weights")]
    items = dependencies.of_features("video", specs["video"], [network], {})
    assert (items[0].corpora, items[0].status) == (("c",), dependencies.DOCUMENTED)
    assert any("resnet50.pt" in item.name for item in items)  # the initial file
    again = replace(one, training=one.training.model_copy(update={"start_from": str(folder)}))
    start = loop.Finetuning(task, again, "cpu").model
    assert all(torch.equal(value, state(start)[name]) for name, value in state(saved[0]).items())
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.copyfile(toy_faces.weights(tmp_path), copy / "encoders" / "video" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"encoders/video: is not the encoder that model.json describes"):
        encoder_folders.folders(copy)
    changed = replace(network, name=str(copy / "encoders" / "video" / "model.safetensors"), sha256="0" * 64)
    assert dependencies.checkpoint_of(network) == folder
    assert dependencies.checkpoint_of(changed) is None


def test_torchvision_reads_the_encoder_as_its_card_says(saved, monkeypatch):
    model, _, folder = saved
    stored = checkpoint.open_checkpoint(folder)
    columns = ["system", "protocol", "answers", "metric", "seed"]
    text = encoder_card(stored, "video", pd.DataFrame(columns=columns))
    assert "library_name: torchvision" in text
    assert "resnet50.pt" in text
    code = text.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(folder / "encoders" / "video")
    names = {}
    exec(code, names)  # noqa: S102 - as a reader would copy it
    own = model.encoders["video"].body.state_dict()
    assert set(names["encoder"].state_dict()) == set(own)
    assert all(torch.equal(value, own[name]) for name, value in names["encoder"].state_dict().items())
