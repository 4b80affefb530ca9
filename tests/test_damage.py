"""Damage of a study's stores and finished trainings changes no result and is reported."""

import itertools
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer import corpora, features, files, sealed, shards
from mer.corpora.synthetic import trees
from mer.dataset.audit.measures import recording_measures
from mer.dataset.manifest import build, labels, schema
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as study
from mer.features import audio
from mer.features.vectors import digest_array
from mer.media import recordings
from mer.params.schema import AudioFeatures, Data, Splits, Synthetic, System, TextFeatures, Training
from mer.training import grid
from tests import studies

OFFSETS = 4
"""The number of bytes of each file that are changed one after another, with the second and the last but one as well;
tests/test_sealed.py changes any byte."""
INPUTS = {"audio": AudioFeatures(n_mfcc=13), "text": TextFeatures(dimensions=16)}
SYSTEMS = {
    "logistic": System(model="logistic", inputs=("audio",)),
    "gated": System(model="gated", inputs=("audio", "text")),
}
KNOWN = corpora.selected(("emodb", "meld"))


@dataclass(frozen=True)
class Study:
    """Two synthetic corpora, and everything that is stored between runs."""

    home: Path
    manifest: pd.DataFrame

    @property
    def store(self) -> Path:
        return self.home / "store"

    def scanned(self):
        return built(self.home).manifest.to_csv()

    def measured(self):
        usable = schema.usable(self.manifest)
        return recording_measures.measure_recordings(usable, self.home / "raw", self.store, progress=False).to_csv()

    def vectors(self):
        features.extract(self.manifest, self.home / "raw", self.store, INPUTS, Data(), features.Resources())
        return self.loaded()

    def loaded(self):
        seen = self.features()
        return {m: digest_array(seen.arrays[m]) + digest_array(seen.present[m]) for m in seen.arrays}

    def features(self):
        keys = features.keys(self.manifest, INPUTS)
        return features.load(keys, self.store, features.specs(INPUTS, Data()))

    def samples(self):
        usable = schema.usable(self.manifest)
        spec = recordings.spec(Data().min_seconds, Data().max_seconds)
        heard = audio.decode(usable, self.home / "raw", self.store, spec)
        return [digest_array(sound) for sound in heard.select(audio.keys(usable))]

    def trained(self):
        usable, classes = schema.usable(self.manifest), labels.classes("paper7")
        task = study.build_task(usable, self.features(), classes)
        cells = protocols.plan(usable, ("loco",), sorted(usable["corpus"].unique()))
        jobs, _ = study.plan_jobs(cells, SYSTEMS, Training(epochs=2, hidden=4), (0,), task)
        return [
            (done.probabilities.tolist(), done.history, done.validation_uar)
            for done in grid.run_jobs(task, jobs, grid.Engine("single"), self.home / "trainings")
        ]


def built(home):
    outcome = {"policy": "paper7", "overrides": {}, **Splits().model_dump(), "min_seconds": 0.1, "max_seconds": 30.0}
    return build.build(home / "raw", KNOWN, build.BuildOptions(**outcome), cache=home / "store")


READERS = {
    "scan": ("store/scan-*", Study.scanned),
    "measures": ("store/measures-*", Study.measured),
    "recordings": ("store/recordings-*/*.[np]*", Study.samples),
    "vectors": ("store/mfcc-*/*.[np]*", Study.vectors),
    "texts": ("store/hashing-*/*.[np]*", Study.vectors),
    "views": ("store/*/views/*", Study.loaded),
    "trainings": ("trainings/*", Study.trained),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    trees.write(home / "raw", Synthetic(speakers=3, clips=1))
    with pytest.MonkeyPatch.context() as patch:  # several shards of each kind
        patch.setattr(features.Store, "shard", 16)
        patch.setattr(recordings, "SHARD_SAMPLES", 2**19)
        made = Study(home, built(home).manifest)
        results = {name: read(made) for name, (_, read) in READERS.items()}
    return made, results


@pytest.fixture
def copied(whole, tmp_path):
    """A copy to be damaged, and the expected results of its readers."""
    made, results = whole
    for name in ("store", "trainings"):
        shutil.copytree(made.home / name, tmp_path / name)
    (tmp_path / "raw").symlink_to(made.home / "raw")
    return Study(tmp_path, made.manifest), results


def again(made, name):
    """Return the result of a reader with empty caches, as in a new process, and its warnings."""
    sealed._checked.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = READERS[name][1](made)
    return result, [str(one.message) for one in said]


def flips(size):
    """Return positions in a file of this size, among them the first and the last byte."""
    return sorted({0, 1, size - 2, size - 1, *np.linspace(0, size - 1, OFFSETS).astype(int).tolist()})


@pytest.mark.parametrize("name", READERS)
def test_flipped_bit_in_any_file_changes_no_result(copied, name):
    made, results = copied
    result = sorted(made.home.glob(READERS[name][0]))
    assert result
    for path in {path.suffix: path for path in result}.values():
        content = path.read_bytes()
        for number, at in enumerate(flips(len(content))):
            damaged = bytearray(content)
            damaged[at] ^= 1 << number % 8
            path.write_bytes(damaged)
            value, said = again(made, name)
            assert value == results[name], (path.name, at)
            assert len(said) == 1, (path.name, at, said)
            assert said[0].startswith("deleted: ")
            assert path.stem in said[0]
            assert again(made, name) == (results[name], []), "what was made again is whole"


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_truncated_or_extended_file_changes_no_result(copied, name, damage):
    made, results = copied
    for path in {path.suffix: path for path in made.home.glob(READERS[name][0])}.values():
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
        value, said = again(made, name)
        assert value == results[name]
        assert [path.stem in line for line in said] == [True], said
        assert again(made, name) == (results[name], [])


@pytest.mark.parametrize("name", READERS)
def test_files_with_swapped_names_change_no_result(copied, name):
    made, results = copied
    for suffix in (".npy", ".parquet", ".safetensors"):
        result = sorted(path for path in made.home.glob(READERS[name][0]) if path.suffix == suffix)
        pairs = [(a, b) for a, b in itertools.pairwise(result) if a.parent == b.parent]
        for one, other in pairs[:1]:
            content = one.read_bytes(), other.read_bytes()
            one.write_bytes(content[1])
            other.write_bytes(content[0])
            value, said = again(made, name)
            assert value == results[name]
            assert [path.stem in line for path, line in zip((one, other), sorted(said), strict=True)] == [True, True]
            assert again(made, name) == (results[name], [])


@pytest.mark.parametrize("name", ["recordings", "vectors", "texts"])
def test_older_array_changes_no_result(copied, name):
    """Two processes can write the array and the list of a shard in turn, so that rows do not match."""
    made, results = copied
    path = next(made.home.glob(READERS[name][0].replace("[np]*", "npy")))
    values = np.array(np.load(path))
    with sealed.replacing(path, f"{path.parent.name}/{path.name}") as partial:
        np.save(partial, values[::-1])
    sealed.check(path, f"{path.parent.name}/{path.name}")
    value, said = again(made, name)
    assert value == results[name]
    assert [path.stem in line for line in said] == [True], said


@pytest.mark.parametrize("lost", ["*.npy", "*.parquet", "*.[np]*"])
def test_later_step_reports_a_missing_vector_with_a_remedy(copied, lost):
    made, results = copied
    for folder in ("mfcc-*", "hashing-*"):
        assert again(made, "views") == (results["views"], [])
        for path in sorted((made.home / "store").glob(f"{folder}/{lost}"))[:2]:
            path.unlink()
        with pytest.raises(
            (shards.DamagedShard, features.MissingVectors),
            match=r"run step 02 again, which (recomputes|makes) .* --force",
        ):
            made.loaded()
        assert again(made, "vectors")[0] == results["vectors"]


@pytest.mark.slow
def test_replay_does_not_confirm_results_of_a_damaged_store(tmp_path):
    store = tmp_path / "store"
    made_up = {"data__raw": tmp_path / "raw", "data__store": store, "data__synthetic": "{speakers: 5, clips: 1}"}
    small = {"corpora": "[emodb, meld, ravdess]", "training__epochs": 2, "evaluation__seeds": "[0]",
             "evaluation__protocols": "[loco]", "evaluation__min_clips": 10, "evaluation__min_speakers": 3}  # fmt: skip
    run = studies.run_all("params/demo.yaml", "--steps", "01,02,04", name="damage", **made_up, **small)
    try:
        assert run.code == 0, run.screen
        for path in (path for path in store.rglob("*.*") if path.suffix in (".npy", ".parquet")):
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 0x10
            path.write_bytes(content)
        command = [sys.executable, "run_all.py", "--verify", str(run.folder)]
        again = subprocess.run(command, cwd=files.ROOT, capture_output=True, text=True, timeout=900, check=False)
        assert again.returncode == 0, again.stdout
        assert again.stdout.count("deleted: ") >= len(READERS) - 1
        assert "files are the same to the byte" in again.stdout
    finally:
        run.remove()
