"""Predictions and errors for files, in Python and by the command."""

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from mer.features import Features
from mer.features.audio import mfcc
from mer.params.schema import Data
from mer.predict import PredictionSettings, collect_requests, load
from mer.predict.__main__ import main
from mer.training.checkpoints.card import ValueRange
from mer.training.checkpoints.checkpoint import CheckpointError
from tests.media.video_files import film, grey
from tests.predict.conftest import CLASSES, RATE, quiet, save_linear, tone


def wav(path, samples, rate=RATE):
    soundfile.write(path, samples, rate)
    return path


def run_command(model, *arguments):
    """Run the command; return its exit code and the rows of its table."""
    out = model.parent / f"out-{os.getpid()}" / "predictions.csv"
    out.unlink(missing_ok=True)
    code = main([*map(str, arguments), "--model", str(model), "--voice", "energy", "--out", str(out), "--jobs", "1"])
    with out.open(encoding="utf-8", newline="") if out.exists() else open(os.devnull) as file:  # noqa: PTH123
        return code, list(csv.DictReader(file))


def energy(folder, **settings):
    return load(folder, settings=PredictionSettings(voice="energy", **settings))


def test_prediction_is_that_of_the_model_for_the_features_of_the_recording(model, tmp_path):
    predictor = energy(model)
    [prediction] = predictor(wav(tmp_path / "a.wav", tone(2)))
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    vector = np.stack(predictor.extractors["audio"].compute([samples]))
    expected = predictor.model.predict(Features({"audio": vector}, {"audio": np.array([True])}), np.array([0]))[0]
    assert list(prediction.probabilities) == CLASSES
    assert list(prediction.probabilities.values()) == expected.tolist()
    assert prediction.label == CLASSES[expected.argmax()]
    assert prediction.certainty == expected.max()
    assert (prediction.inputs, prediction.modalities) == (("audio",), ("audio",))
    assert prediction.per_input == prediction.per_modality == {"audio": prediction.probabilities}
    assert prediction.start is None


def test_prediction_hardly_depends_on_rate_channels_and_file_name(model, tmp_path):
    predictor = energy(model)
    [plain] = predictor(wav(tmp_path / "a.wav", tone(2)))
    import soxr

    wide = soxr.resample(tone(2), RATE, 44_100)
    [other] = predictor(wav(tmp_path / "b.flac", np.stack([wide, wide], axis=1), 44_100))
    (tmp_path / "b.flac").rename(tmp_path / "b.mystery")
    [renamed] = predictor(tmp_path / "b.mystery")
    assert renamed.probabilities == other.probabilities
    assert max(abs(other.probabilities[c] - plain.probabilities[c]) for c in CLASSES) < 0.02


def test_segment_of_a_long_recording_is_predicted_as_by_itself(model, tmp_path):
    long = np.concatenate([quiet(1), tone(2), quiet(1), tone(3, 5, 250), quiet(30)])
    predictor = energy(model)
    segments = predictor(wav(tmp_path / "long.wav", long))
    assert [(round(s.start), round(s.end)) for s in segments] == [(1, 3), (4, 7)]
    samples, _ = soundfile.read(tmp_path / "long.wav", dtype="float32")
    first = samples[round(segments[0].start * RATE) : round(segments[0].end * RATE)]
    [alone] = predictor(wav(tmp_path / "first.wav", first))
    assert alone.probabilities == pytest.approx(segments[0].probabilities, abs=1e-9)


def test_subtitles_give_segments_and_their_text(bimodal, tmp_path):
    wav(tmp_path / "a.wav", tone(5))
    (tmp_path / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:03,000\nso happy\n\n2\n00:00:09,000 --> 00:00:10,000\nlate\n"
    )
    first, late = energy(bimodal)(tmp_path / "a.wav")
    assert (first.start, first.end, first.text, first.inputs) == (1.0, 3.0, "so happy", ("audio", "text"))
    assert late.inputs == ("text",)
    assert "after the end" in late.missing["audio"]
    assert not any("are used" in warning for warning in first.warnings)


def test_cropped_subtitle_gets_a_warning(bimodal, tmp_path):
    wav(tmp_path / "a.wav", tone(5))
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:04.000\nso happy\n")
    predictor = energy(bimodal)
    predictor.data = Data(max_seconds=2.0)
    [prediction] = predictor(tmp_path / "a.wav")
    assert (prediction.start, prediction.end) == (1.0, 4.0)
    assert prediction.warnings[0] == "only its first 2 s are used"


def test_missing_inputs_have_reasons_and_each_input_is_predicted_alone(bimodal, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    predictor = energy(bimodal)
    [both], [audio_only] = predictor(path, "what a day"), predictor(path)
    assert set(both.per_input) == set(both.per_modality) == {"audio", "text"}
    assert both.per_input["audio"] == audio_only.probabilities != both.probabilities
    assert audio_only.missing == {"text": "no transcript"}


def test_two_inputs_of_one_modality_have_their_own_names(two_audio, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    predictor = energy(two_audio)
    assert predictor.inputs == {"audio": "audio", "cepstra": "audio", "text": "text"}
    [all_inputs], [audio_only] = predictor(path, "what a day"), predictor(path)
    assert (all_inputs.inputs, all_inputs.modalities) == (("audio", "cepstra", "text"), ("audio", "text"))
    assert list(all_inputs.per_input) == ["audio", "cepstra", "text"]
    assert all_inputs.per_modality["audio"] == audio_only.probabilities
    assert all_inputs.per_modality["audio"] not in all_inputs.per_input.values()
    assert all_inputs.per_modality["text"] == all_inputs.per_input["text"]
    [one] = energy(two_audio, inputs=("cepstra",))(path)
    assert one.probabilities == all_inputs.per_input["cepstra"]
    code, [row] = run_command(two_audio, path, "--text", "what a day", "--html")
    assert (code, row["inputs"], row["modalities"]) == (0, "audio+cepstra+text", "audio+text")
    assert row["cepstra_label"]
    page = next(two_audio.parent.glob("out-*/predictions.html")).read_text(encoding="utf-8")
    assert "cepstra alone: " in page
    assert "all audio inputs: " in page


def test_left_out_inputs_count_as_missing(bimodal, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    [both] = energy(bimodal)(path, "what a day")
    [text_only] = energy(bimodal, inputs=("text",))(path, "what a day")
    assert text_only.probabilities == both.per_input["text"] != both.probabilities
    assert text_only.inputs == ("text",)
    assert text_only.missing == {"audio": "left out by the settings"}
    code, [row] = run_command(bimodal, path, "--text", "what a day", "--inputs", "text")
    assert (code, row["inputs"], row["audio_label"]) == (0, "text", "")


@pytest.mark.parametrize(
    ("names", "message"),
    [("audio,whisper", "--inputs whisper: .* reads audio, text"), ("", "names none of audio, text")],
)
def test_unknown_inputs_are_refused(bimodal, tmp_path, capsys, names, message):
    code, _ = run_command(bimodal, wav(tmp_path / "a.wav", tone(1)), "--inputs", names)
    assert code == 2
    assert re.search(message, capsys.readouterr().err)


def test_recording_with_video_is_predicted_from_audio_and_video(filmed, tmp_path):
    from skimage.data import astronaut
    from skimage.transform import resize

    face = (resize(astronaut(), (160, 160)) * 255).astype(np.uint8)
    predictor = energy(filmed)
    [both] = predictor(film(tmp_path / "a.mp4", [face] * 25, sound=tone(1)))
    assert both.inputs == ("audio", "video")
    [silent] = predictor(film(tmp_path / "b.mp4", [face] * 25))
    assert (silent.inputs, silent.missing) == (("video",), {"audio": "it has no audio track"})
    [faceless] = predictor(film(tmp_path / "c.mkv", [grey(90)] * 25, sound=tone(1)))
    assert faceless.inputs == ("audio",)
    assert "no face in any of" in faceless.missing["video"]
    [neither] = predictor(film(tmp_path / "d.mp4", [grey(90)] * 25))
    assert "no audio track" in neither.error
    assert "no face" in neither.error
    predictor.data = Data(max_seconds=1.0)
    segments = predictor(film(tmp_path / "e.mp4", [face] * 40))
    assert [(s.start, s.end, s.inputs) for s in segments] == [(0.0, 1.0, ("video",)), (1.0, 1.6, ("video",))]


def test_text_alone_is_predicted(bimodal, tmp_path):
    [prediction] = load(bimodal).predict(collect_requests([], text="what a day"))
    assert (prediction.path, prediction.inputs) == ("", ("text",))
    predictor = load(save_linear(tmp_path / "text", ("text",)))
    [long] = predictor(wav(tmp_path / "long.wav", np.concatenate([tone(20), quiet(20)])), "what a day")
    assert long.probabilities == next(predictor.predict(collect_requests([], text="what a day"))).probabilities
    [without] = predictor(wav(tmp_path / "a.wav", tone(1)))
    assert without.error == "text: no transcript"


def test_uncertain_prediction_has_no_label_and_is_otherwise_the_same(model, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    [certain] = energy(model)(path)
    [undecided] = energy(model, abstain=certain.certainty + 1e-6)(path)
    assert undecided == replace(certain, label=None)


def test_unusual_features_get_a_warning(model, tmp_path):
    predictor = energy(model)
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    [usual], [unusual] = predictor(wav(tmp_path / "a.wav", tone(1, 5, 201))), predictor(wav(tmp_path / "b.wav", noise))
    assert usual.warnings == ()
    assert "audio is unlike the training data" in unusual.warnings[0]


def test_model_without_value_ranges_has_a_note_and_no_warnings(tmp_path):
    predictor = energy(save_linear(tmp_path / "old", without=("extraction", "value_ranges")))
    assert "no value ranges of audio" in predictor.notes[0]
    [prediction] = predictor(wav(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, RATE)))
    assert prediction.label in CLASSES
    assert not prediction.warnings


def test_card_with_invalid_value_ranges_is_refused(tmp_path):
    bounds = ValueRange(low="?", high="", outside_share=0.0)
    folder = save_linear(tmp_path / "model", value_ranges={"audio": bounds})
    with pytest.raises(CheckpointError, match="value ranges of the input audio are invalid"):
        load(folder)


def test_each_file_has_its_row_and_the_exit_code_reports_errors(model, tmp_path, capsys):
    good = wav(tmp_path / "good.wav", tone(1))
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not audio", encoding="utf-8")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", encoding="utf-8")
    wav(tmp_path / "one.wav", np.array([0.5], np.float32))
    wav(tmp_path / "silent.wav", np.zeros(RATE, np.float32))
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    names = ["good", "empty", "text", "one", "silent", "nan", "gone"]
    code, rows = run_command(model, *(tmp_path / f"{n}.wav" for n in names), tmp_path / "list.mp4", good)
    assert code == 1
    assert [bool(row["label"]) for row in rows] == [True, *[False] * 7, True]
    errors = [row["error"] for row in rows]
    expected = ["", "empty (0 bytes)", "not readable as audio", "too short: 1 samples", "no speech",
                "not numbers", "does not exist", "not readable as audio"]  # fmt: skip
    assert all(part in error for part, error in zip(expected, errors, strict=False)), errors
    assert rows[0]["p_anger"] == rows[-1]["p_anger"]
    assert "7 failed, 2 predicted" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may read everything")
def test_unreadable_file_is_reported(model, tmp_path):
    wav(tmp_path / "a.wav", tone(1)).chmod(0)
    [prediction] = energy(model)(tmp_path / "a.wav")
    assert prediction.error == "cannot be read (Permission denied)"


def test_damaged_recording_is_predicted_up_to_the_damage(model, tmp_path):
    path = wav(tmp_path / "long.flac", np.concatenate([tone(2), quiet(1), tone(45), quiet(1)]))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    code, rows = run_command(model, path)
    assert code == 1
    assert [bool(row["error"]) for row in rows] == [False] * (len(rows) - 1) + [True]
    assert len(rows) > 2
    assert "read" in rows[-1]["error"] or "damaged" in rows[-1]["error"]


def test_command_without_requests_or_model_exits_with_2(model, tmp_path, capsys):
    path = wav(tmp_path / "a.wav", tone(1))
    assert main([str(path), "--model", str(tmp_path), "--out", str(tmp_path / "o.csv")]) == 2
    assert "there is no model.json" in capsys.readouterr().err
    assert main([str(tmp_path / "nothing"), "--model", str(model), "--list", str(tmp_path / "no.txt")]) == 2
    assert not (tmp_path / "o.csv").exists()
    (tmp_path / "void").mkdir()
    assert main([str(tmp_path / "void"), "--model", str(model)]) == 2
    assert "no recording to predict" in capsys.readouterr().err


def test_model_of_another_extraction_version_is_refused(tmp_path, monkeypatch):
    folder = save_linear(tmp_path / "model")
    monkeypatch.setattr(mfcc, "EXTRACTOR", replace(mfcc.EXTRACTOR, version=99))
    with pytest.raises(CheckpointError, match="audio was extracted with version"):
        load(folder)


def test_json_lines_and_page_escape_foreign_markup(bimodal, tmp_path):
    path = wav(tmp_path / "a <b>&'x.wav", tone(1))
    code = main([str(path), "--text", "<script>alert(1)</script>", "--model", str(bimodal), "--json", "--html",
                 "--voice", "energy", "--out", str(tmp_path / "p.csv")])  # fmt: skip
    assert code == 0
    [line] = (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    values = json.loads(line)
    assert values["text"] == "<script>alert(1)</script>"
    assert sum(values["probabilities"].values()) == pytest.approx(1)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b>&" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<audio ") == 1
    assert "http" not in page.replace("http-equiv", "")


def test_linear_model_imports_no_torch(model, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    program = (
        "import sys; from mer.predict.__main__ import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'torch', 'sklearn', 'matplotlib', 'transformers'} & set(sys.modules)))"
    )
    line = [sys.executable, "-c", program, str(path), "--model", str(model), "--voice", "energy"]
    process = subprocess.run([*line, "--out", str(tmp_path / "o.csv")], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "0 []"
