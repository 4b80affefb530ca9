"""Predictions as a table: for paths, lists, arrays and tables; and a command that overwrites nothing."""

import numpy as np
import pandas as pd
import pytest
import soundfile

import mer
from mer.predict import PredictionSettings, load
from mer.predict.__main__ import main
from tests.predict.conftest import CLASSES, RATE, quiet, tone

SETTINGS = PredictionSettings(voice="energy")
SHARES = [f"p_{name}" for name in CLASSES]


@pytest.fixture
def recordings(tmp_path):
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", tone(1 + number, number), RATE, subtype="FLOAT")
    return tmp_path


def test_paths_folders_and_arrays_give_the_same_predictions(model, recordings):
    paths = sorted(recordings.glob("*.wav"))
    of_folder = mer.predict(recordings, model, settings=SETTINGS)
    of_paths = mer.predict([str(path) for path in paths], model, settings=SETTINGS)
    of_arrays = mer.predict([tone(1 + n, n) for n in range(3)], load(model, settings=SETTINGS), sr=RATE)
    pd.testing.assert_frame_equal(of_folder.drop(columns="row"), of_paths.drop(columns="row"))
    pd.testing.assert_frame_equal(of_paths[SHARES], of_arrays[SHARES])
    assert of_paths["row"].tolist() == of_arrays["row"].tolist() == [0, 1, 2]
    assert of_folder["row"].tolist() == [0, 0, 0]
    assert of_arrays["path"].tolist() == ["array 0", "array 1", "array 2"]
    np.testing.assert_allclose(of_paths[SHARES].sum(axis=1), 1)
    [direct] = load(model, settings=SETTINGS)(paths[1])
    assert of_paths.loc[1, SHARES].tolist() == pytest.approx(list(direct.probabilities.values()))


def test_rows_of_a_table_have_texts_and_keep_their_index(bimodal, recordings):
    table = pd.DataFrame({"file": [str(recordings / "0.wav"), None, str(recordings / "gone.wav")],
                          "text": ["what a day", "words alone", None]}, index=["a", "b", "c"])  # fmt: skip
    result = mer.predict(table, bimodal, settings=SETTINGS)
    assert result["row"].tolist() == ["a", "b", "c"]
    assert result["inputs"].tolist() == ["audio+text", "text", ""]
    assert result["error"].isna().tolist() == [True, True, False]
    assert "does not exist" in result["error"].iloc[2]
    assert result.loc[2, SHARES].isna().all()


def test_segments_of_a_long_recording_share_their_source(model, tmp_path):
    long = np.concatenate([tone(3), quiet(1), tone(3, 5, 250), quiet(1)] * 3)
    result = mer.predict([tone(1), long], model, sr=RATE, settings=SETTINGS)
    assert result["row"].tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert result["start"].isna().tolist() == [True, *[False] * 6]
    whole = mer.predict(long, model, sr=RATE, settings=PredictionSettings(voice="energy", cut_above=30))
    assert len(whole) == 1


def test_a_recording_with_a_text_is_whole_as_long_as_the_model_accepts(bimodal):
    long = np.concatenate([tone(9), quiet(1), tone(9, 5, 250)])
    assert len(mer.predict(long, bimodal, sr=RATE, settings=SETTINGS)) == 2
    [row] = mer.predict(long, bimodal, sr=RATE, text="one text", settings=SETTINGS).to_dict("records")
    assert row["inputs"] == "audio+text"


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        ([], {}, "nothing to predict"),
        (np.zeros(100), {}, "needs its sampling rate"),
        (pd.DataFrame({"name": ["a.wav"]}), {}, "no column 'path'"),
        (["a.wav", "b.wav"], {"text": ["one"]}, "2 sources, but 1 texts"),
    ],
)
def test_faults_of_sources_are_named(model, sources, options, message):
    with pytest.raises(ValueError, match=message):
        mer.predict(sources, model, **options)


def run(model, *arguments):
    return main([*map(str, arguments), "--model", str(model), "--voice", "energy"])


def test_command_overwrites_nothing_unless_forced_and_names_the_page(model, recordings, tmp_path, capsys):
    out = tmp_path / "out" / "p.csv"
    assert run(model, recordings / "0.wav", "--out", out, "--html") == 0
    assert f"open {out.with_suffix('.html')}" in capsys.readouterr().out
    before = out.read_bytes()
    assert run(model, recordings / "1.wav", "--out", out) == 2
    assert "exists already; take another name with --out, or --force" in capsys.readouterr().err
    out.unlink()
    assert run(model, recordings / "1.wav", "--out", out, "--html") == 2  # the page is there
    assert not out.exists()
    assert run(model, recordings / "1.wav", "--out", out, "--html", "--force") == 0
    assert out.read_bytes() != before


def test_page_embeds_large_recordings_on_request(model, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.concatenate([tone(3), quiet(1)] * 20), RATE)
    for name, options, embedded in (("a", [], False), ("b", ["--embed"], True)):
        assert run(model, tmp_path / "long.wav", "--out", tmp_path / f"{name}.csv", "--html", *options) == 0
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert ("data:audio/" in page.partition("<body>")[2]) == embedded
    assert ">0:0" in page  # times as players show them


def test_help_states_the_threshold(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "(default: 15," in " ".join(capsys.readouterr().out.split())
