"""Vectors that dask workers compute are those of this process, to the bit, also if a worker is killed meanwhile."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
import soundfile

pytest.importorskip("distributed", reason="needs the extra dask")

from mer import features, files
from mer.features import remote
from mer.params.features import read_inputs
from mer.params.schema import Data
from tests.clusters import running, used

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
COUNT = 60


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("dask"), 2) as one:
        yield one


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Recordings of different lengths with their texts; one cannot be read, two are the same, one has no text."""
    raw, generator, rows = tmp_path_factory.mktemp("raw"), np.random.default_rng(0), []
    for n in range(COUNT):
        path, seed = raw / f"{n}.wav", 7 if n == 8 else n
        samples = np.sin(np.arange(6000 + 500 * (seed % 5)) * (0.05 + seed / 100)) * 0.3
        soundfile.write(path, samples, 16_000)
        if n == 5:
            path.write_bytes(b"RIFF")
        rows.append({"utterance_id": f"c/{n}", "source_path": path.name, "audio_sha256": files.digest_file(path)})
    words = [" ".join(generator.choice(["oh", "no", "why", "fine", "well"], 4)) for _ in range(COUNT)]
    table = pd.DataFrame(rows).assign(corpus="c", speaker_id="c_a", dialogue_id="d", turn_index=range(COUNT), fold=None)
    table = table.assign(lexical_control="free", transcription=[*words[:-1], None], exclude_reason=None)
    table = table.assign(start=np.nan, end=np.nan, audio_ok=True, duration=0.5, split="train", text_side="a")
    return raw, table


SECTIONS = {"audio": {"n_mfcc": 13}, "more": {"modality": "audio", "extractor": "functionals"}, "text": {}}


def extracted(corpus, store):
    raw, table = corpus
    inputs = read_inputs(SECTIONS)
    features.extract(table, raw, store, inputs, Data(), features.Resources())
    return features.load(features.keys(table, inputs), store, features.specs(inputs, Data()))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(remote, "HANDMADE_ROWS", 7)
    monkeypatch.setattr(remote, "DECODED_ROWS", 9)


def assert_same(a, b):
    for name in SECTIONS:
        assert a.arrays[name].tobytes() == b.arrays[name].tobytes(), name
        assert a.present[name].tolist() == b.present[name].tolist()


def test_vectors_of_workers_are_those_of_this_process(corpus, cluster, tmp_path):
    here = extracted(corpus, tmp_path / "here")
    with used(cluster):
        there = extracted(corpus, tmp_path / "there")
    assert_same(here, there)
    assert here.present["audio"].sum() == COUNT - 1


def test_this_process_computes_nothing_itself(corpus, cluster, tmp_path, monkeypatch):
    from mer.features import computation

    monkeypatch.setattr(computation, "_add", None)
    with used(cluster):
        extracted(corpus, tmp_path)


def test_vectors_are_the_same_if_a_worker_is_killed(corpus, cluster, tmp_path):
    here = extracted(corpus, tmp_path / "here")

    def kill():
        folder, until = tmp_path / "there", time.monotonic() + 30
        while not list(folder.glob("*/*.parquet")) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(cluster.pids()[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with used(cluster):
        there = extracted(corpus, tmp_path / "there")
    thread.join()
    assert_same(here, there)
    cluster.wait_for(2)


def test_a_recording_that_has_changed_is_said(corpus, cluster, tmp_path):
    raw, table = corpus
    changed = table.assign(audio_sha256=["0" * 64, *table["audio_sha256"][1:]])
    with used(cluster), pytest.raises(features.audio.RecordingChanged, match=r"0\.wav: changed after"):
        features.extract(changed, raw, tmp_path, read_inputs(SECTIONS), Data(), features.Resources())
