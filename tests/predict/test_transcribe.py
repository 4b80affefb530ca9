"""`mer.predict --transcribe whisper` with a real network on real recordings."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mer.media import audio
from mer.predict.__main__ import main
from tests.predict.conftest import RATE, quiet

CORPORA, ENCODERS = (os.environ.get(name) for name in ("MER_REAL_CORPORA", "MER_REAL_ENCODERS"))
pytestmark = pytest.mark.skipif(not (CORPORA and ENCODERS), reason="set MER_REAL_CORPORA and MER_REAL_ENCODERS")
SPOKEN = {"RAVDESS/Actor_15/03-01-02-02-02-01-15.flac": "Dogs are sitting by the door.",
          "RAVDESS/Actor_11/03-01-08-01-01-01-11.flac": "Kids are talking by the door."}  # fmt: skip


def run(model, out, *arguments):
    code = main([*map(str, arguments), "--model", str(model), "--voice", "energy", "--out", str(out), "--html",
                 "--transcribe", "whisper", "--whisper", f"{ENCODERS}/whisper-tiny.en"])  # fmt: skip
    with out.open(encoding="utf-8", newline="") as file:
        return code, list(csv.DictReader(file))


def test_recordings_are_transcribed_and_the_language_is_a_condition(bimodal, tmp_path, capsys):
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 2 * RATE), RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    paths = [Path(CORPORA) / name for name in SPOKEN]
    code, rows = run(bimodal, tmp_path / "out.csv", *paths, tmp_path / "noise.wav", tmp_path / "empty.wav")
    assert [row["text"] for row in rows] == [*SPOKEN.values(), "", ""]
    assert [row["modalities"] for row in rows][:2] == ["audio+text"] * 2
    assert rows[3]["error"]
    assert code == 1
    assert {row["language"] for row in rows} == {""}  # an English-only network detects none
    note = "valid only if English was spoken"
    assert note in capsys.readouterr().out
    assert note in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_segments_of_a_long_recording_have_their_own_transcripts(bimodal, tmp_path):
    parts = [part for name in SPOKEN for part in (audio.read_mono(Path(CORPORA) / name), quiet(1.5))]
    soundfile.write(tmp_path / "long.wav", np.concatenate(parts), RATE)
    _, rows = run(bimodal, tmp_path / "out.csv", tmp_path / "long.wav", "--cut-above", "0")
    assert len(rows) == 2
    assert [row["text"] for row in rows] == list(SPOKEN.values())
    assert float(rows[0]["end"]) < float(rows[1]["start"])
