"""Features of files, arrays and texts as a table, by the function and by the command."""

import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import features, files
from mer.features import __main__ as command
from mer.features import registry
from mer.features.audio import opensmile
from mer.features.table import STUDY_ONLY
from mer.features.video import VideoSegment
from mer.params.features import SECTIONS, read_inputs
from mer.params.schema import Data, VideoFeatures
from tests.features.pretrained import tiny
from tests.features.video.test_video_features import placed
from tests.media.video_files import film, grey

RATE = 16_000


@pytest.fixture
def folder(tmp_path):
    """Two recordings at different rates, one of 0 bytes, one that is not audio, and a file that is no recording."""
    rng = np.random.default_rng(0)
    for name, seconds, rate in (("a.wav", 1.0, RATE), ("b.flac", 2.5, 44_100)):
        soundfile.write(tmp_path / name, rng.uniform(-0.9, 0.9, round(seconds * rate)), rate)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "notes.txt").write_text("Oh no!")
    return tmp_path


def of_study(raw, names, store, sections, data=None):
    """Return the vectors of step 02."""
    digests = [files.digest_file(raw / name) for name in names]
    columns = {"utterance_id": names, "source_path": names, "audio_sha256": digests}
    manifest = pd.DataFrame(columns).assign(start=None, end=None, duration=1.0, audio_ok=True, exclude_reason=None)
    inputs, data = read_inputs(sections), data or Data()
    features.extract(manifest, raw, store, inputs, data, features.Resources())
    keys, specs = features.keys(manifest, inputs), features.specs(inputs, data)
    return features.load(keys, store, specs).arrays[next(iter(sections))]


@pytest.mark.parametrize("parameters", [{"extractor": "functionals"}, {"extractor": "mfcc", "n_mfcc": 13}])
def test_vectors_equal_those_of_a_study_exactly(parameters, folder):
    names = ["a.wav", "b.flac"]
    table = features.extract_table([folder / name for name in names], **parameters)
    expected = of_study(folder, names, folder / "store", {"audio": parameters})
    np.testing.assert_array_equal(table.iloc[:, 4:].to_numpy(), expected)
    assert table["error"].isna().all()
    assert table["end"].tolist() == [1.0, 2.5]


def test_encoder_vectors_equal_those_of_a_study_exactly(folder):
    model = str(tiny.sound(folder / "model"))
    parameters = {"extractor": "encoder", "model": model, "layer": 1, "pooling": "mean_std"}
    names = ["a.wav", "b.flac"]
    table = features.extract_table([folder / name for name in names], **parameters)
    expected = of_study(folder, names, folder / "store", {"audio": parameters})
    np.testing.assert_array_equal(table.iloc[:, 4:].to_numpy(), expected)
    assert table.columns[4:7].tolist() == ["encoder_0", "encoder_1", "encoder_2"]


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_arrays_have_the_vectors_of_their_files(dtype, folder):
    arrays = [soundfile.read(folder / name, dtype=dtype)[0] for name in ("a.wav",)]
    table = features.extract_table(arrays, "functionals", sampling_rate=RATE)
    expected = features.extract_table(folder / "a.wav", "functionals")
    pd.testing.assert_frame_equal(table.drop(columns="file"), expected.drop(columns="file"))
    stereo = np.stack([arrays[0], arrays[0]], axis=1)
    again = features.extract_table(stereo, "functionals", sampling_rate=RATE)
    np.testing.assert_array_equal(again.iloc[:, 4:], expected.iloc[:, 4:])


def test_wrong_arrays_are_refused():
    sound = np.zeros(800, np.float32)
    for arguments, message in (
        (([sound],), "array 0: needs its sampling rate"),
        (([sound.reshape(1, -1)], "mfcc"), "expected \\(samples,\\) or \\(samples, channels\\)"),
        (([sound.astype(np.uint8)], "mfcc"), "has type uint8"),
        (([sound], "hog"), "arrays are audio"),
    ):
        rate = None if "needs" in message else RATE
        with pytest.raises(ValueError, match=message):
            features.extract_table(*arguments, sampling_rate=rate)


def test_every_unreadable_file_keeps_its_row_with_a_reason(folder):
    table = features.extract_table([folder, folder / "gone.wav"], "mfcc", n_mfcc=2)
    assert [name.rpartition("/")[2] for name in table["file"]] == [
        "a.wav", "b.flac", "empty.wav", "text.wav", "gone.wav"]  # fmt: skip
    assert table["error"].isna().tolist() == [True, True, False, False, False]
    assert table["error"][2] == "the file is empty (0 bytes)"
    assert table["error"][4] == "the file does not exist"
    assert np.isfinite(table.iloc[:2, 4:]).all(axis=None)
    assert table.iloc[2:, 4:].isna().all(axis=None)


def test_long_recordings_are_whole_unless_they_are_cropped(folder):
    sound = np.random.default_rng(1).uniform(-0.9, 0.9, 40 * RATE).astype(np.float32)
    soundfile.write(folder / "long.wav", sound, RATE)
    whole = features.extract_table(folder / "long.wav", "mfcc")
    cropped = features.extract_table(folder / "long.wav", "mfcc", max_seconds=30)
    assert (whole["end"][0], cropped["end"][0]) == (40.0, 30.0)
    np.testing.assert_array_equal(
        cropped.iloc[:, 4:], of_study(folder, ["long.wav"], folder / "store", {"audio": {}}, Data())
    )
    assert (whole.iloc[:, 4:].to_numpy() != cropped.iloc[:, 4:].to_numpy()).any()


def test_texts_files_and_tables_of_texts(folder):
    (folder / "list.csv").write_text("speaker,sentence\nAnn,Why?\nBo,Oh no!\nAnn,\n")
    sources = ["Oh no!", folder / "notes.txt", folder / "list.csv"]
    table = features.extract_table(sources, "hashing", dimensions=16)
    assert table.columns[:7].tolist() == ["file", "row", "start", "end", "error", "hashing_0", "hashing_1"]
    assert table["row"].isna().tolist() == [True, True, False, False, False]
    np.testing.assert_array_equal(table.iloc[0, 5:].astype(float), table.iloc[3, 5:].astype(float))
    np.testing.assert_array_equal(table.iloc[0, 5:].astype(float), table.iloc[1, 5:].astype(float))
    assert table["error"].tolist()[4] == "there is no text"
    dialogue = features.extract_table(folder / "list.csv", "hashing", dimensions=16, context=1, speakers="names")
    assert (dialogue.iloc[1, 5:].astype(float) != table.iloc[3, 5:].astype(float)).any()
    with pytest.raises(ValueError, match="has no column 'words'; its columns are speaker, sentence"):
        features.extract_table(folder / "list.csv", "hashing", column="words")


def test_videos_have_the_vectors_of_the_extractor(folder):
    pytest.importorskip("cv2")
    frames = [placed((30, 20 + 4 * n, 130)) for n in range(6)]
    film(folder / "face.mp4", frames, rate=5, sound=0.1 * np.sin(np.arange(RATE) / 9))
    film(folder / "grey.mp4", [grey(90, (240, 320))] * 6, rate=5)
    table = features.extract_table([folder / "face.mp4", folder / "grey.mp4"], "hog")
    section = VideoFeatures()
    compute = registry.of_input(section).open(section, features.Resources())
    np.testing.assert_array_equal(table.iloc[0, 4:].astype("float32"), compute([VideoSegment(folder / "face.mp4")])[0])
    assert table["error"].tolist()[1] == "no face in any of 6 frames"
    of_sound = features.extract_table(folder / "face.mp4", "functionals")
    assert of_sound["error"].isna().all()


def test_dimensions_have_the_names_of_the_extractor(folder):
    table = features.extract_table(folder / "a.wav", "functionals")
    assert table.columns[4] == "level_loudest_dbfs"
    assert len(set(table.columns)) == len(table.columns) == 684


@pytest.mark.parametrize("name", opensmile.SETS)
def test_names_of_opensmile(name, folder):
    pytest.importorskip("opensmile")
    table = features.extract_table(folder / "a.wav", name)
    assert table.columns[4:].tolist() == opensmile.names(name)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"extractor": "mfc"}, "'mfc' is not one of"),
        ({"extractor": "mfcc", "n_mfcc": 0}, "n_mfcc: must be at least 1, not 0"),
        ({"extractor": "mfcc", "dimensions": 5}, "dimensions: is not a parameter of audio; there are n_mfcc"),
        ({"extractor": "encoder"}, "encoder: extractor `encoder` needs a `model`"),
        ({"extractor": "hog", "modality": "audio"}, "is not one of the extractors of audio"),
        ({"extractor": "mfcc", "max_seconds": -1}, "max_seconds: must be above 0, not -1"),
        ({"extractor": "encoder", "model": "x", "keep": "frames"}, "keep: is a parameter of studies only"),
        ({"extractor": "hashing", "lexical_control": ["free"]}, "lexical_control: is a parameter of studies only"),
    ],
)
def test_wrong_parameters_are_named(parameters, message, folder):
    with pytest.raises(ValueError, match=message):
        features.extract_table(folder / "a.wav", **parameters)


def run(*arguments):
    return command.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_command_writes_a_table_and_overwrites_none(suffix, folder, capsys):
    out = folder / f"out.{suffix}"
    assert run(folder / "a.wav", folder / "b.flac", "--extractor", "mfcc", "--n-mfcc", 2, "--out", out) == 0
    table = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    expected = features.extract_table([folder / "a.wav", folder / "b.flac"], "mfcc", n_mfcc=2)
    np.testing.assert_array_equal(table.iloc[:, 4:].to_numpy(np.float32), expected.iloc[:, 4:].to_numpy())
    assert "2 rows, 4 features, 0 without features" in capsys.readouterr().out
    before = out.read_bytes()
    assert run(folder / "a.wav", "--extractor", "mfcc", "--out", out) == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert run(folder / "a.wav", "--extractor", "mfcc", "--out", out, "--force") == 0
    assert out.read_bytes() != before


def test_command_reports_unreadable_files(folder, capsys):
    assert run(folder, "--extractor", "functionals") == 1
    output = capsys.readouterr()
    assert "level_loudest_dbfs" in output.out
    assert "4 rows, 680 features, 2 without features" in output.out
    assert "empty.wav: the file is empty (0 bytes)" in output.err
    assert "text.wav: not readable as audio" in output.err
    assert run(folder / "empty.wav", "--extractor", "functionals") == 2
    assert run(folder / "a.wav", "--extractor", "mfcc", "--out", folder / "out.xlsx") == 2
    assert ".csv or .parquet" in capsys.readouterr().err


def test_command_reads_texts(folder, capsys):
    assert run("--text", "Oh no!", "--text", "Why?", "--extractor", "tfidf", "--dimensions", 8) == 0
    assert "2 rows, 8 features" in capsys.readouterr().out
    model = tiny.text(folder / "model")
    assert run("--text", "Oh no!", "--extractor", "encoder", "--model", model, "--max-tokens", 32, "--layer", 1) == 0
    assert "1 row, " in capsys.readouterr().out


def test_command_names_missing_networks_and_packages(folder, capsys, monkeypatch):
    assert run(folder / "a.wav", "--extractor", "encoder", "--model", folder / "gone") == 2
    assert "--model: " in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "opensmile", None)
    opensmile._smile.cache_clear()
    assert run(folder / "a.wav", "--extractor", "egemaps") == 2
    assert "[opensmile]" in capsys.readouterr().err


def test_command_has_every_extractor_and_every_parameter():
    options = {action.dest for action in command._parser()._actions}
    for modality, section in SECTIONS.items():
        ignored = {"modality", "extractor", *STUDY_ONLY}
        assert set(section.model_fields) - ignored <= options
        [choices] = [action.choices for action in command._parser()._actions if action.dest == "extractor"]
        assert set(registry.names(modality)) <= set(choices)
