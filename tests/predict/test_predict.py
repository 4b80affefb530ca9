"""From files to answers: what is right, what is wrong, and what the command says about both."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from mer.features import Features, audio
from mer.params.schema import Data
from mer.predict import Settings, collect, load
from mer.predict.__main__ import main
from mer.training.checkpoints.checkpoint import CheckpointError
from tests.media.video_files import film, grey
from tests.predict.conftest import CLASSES, RATE, quiet, save_linear, tone


def wav(path, samples, rate=RATE):
    soundfile.write(path, samples, rate)
    return path


def ask(model, *arguments):
    """Run the command; return its exit code and the rows of its table."""
    out = model.parent / f"out-{os.getpid()}" / "predictions.csv"
    out.unlink(missing_ok=True)
    code = main([*map(str, arguments), "--model", str(model), "--voice", "energy", "--out", str(out), "--jobs", "1"])
    with out.open(encoding="utf-8", newline="") if out.exists() else open(os.devnull) as file:  # noqa: PTH123
        return code, list(csv.DictReader(file))


def test_a_recording_gets_what_the_model_says_of_its_vector(model, tmp_path):
    asked = load(model, settings=Settings(voice="energy"))
    [answer] = asked(wav(tmp_path / "a.wav", tone(2)))
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    vector = np.stack(asked.compute["audio"]([samples]))
    expected = asked.model.predict(Features({"audio": vector}, {"audio": np.array([True])}), np.array([0]))[0]
    assert list(answer.probabilities) == CLASSES
    assert list(answer.probabilities.values()) == expected.tolist()
    assert answer.label == CLASSES[expected.argmax()]
    assert answer.certainty == expected.max()
    assert answer.used == ("audio",)
    assert answer.each["audio"] == answer.probabilities
    assert answer.start is None


def test_other_rates_and_channels_and_names_are_heard_alike(model, tmp_path):
    asked = load(model, settings=Settings(voice="energy"))
    [plain] = asked(wav(tmp_path / "a.wav", tone(2)))
    import soxr

    wide = soxr.resample(tone(2), RATE, 44_100)
    [other] = asked(wav(tmp_path / "b.flac", np.stack([wide, wide], axis=1), 44_100))
    (tmp_path / "b.flac").rename(tmp_path / "b.mystery")
    [renamed] = asked(tmp_path / "b.mystery")
    assert renamed.probabilities == other.probabilities
    assert max(abs(other.probabilities[c] - plain.probabilities[c]) for c in CLASSES) < 0.02


def test_a_long_recording_is_a_timeline_and_each_stretch_answers_as_by_itself(model, tmp_path):
    long = np.concatenate([quiet(1), tone(2), quiet(1), tone(3, 5, 250), quiet(30)])
    asked = load(model, settings=Settings(voice="energy"))
    found = asked(wav(tmp_path / "long.wav", long))
    assert [(round(a.start), round(a.end)) for a in found] == [(1, 3), (4, 7)]
    heard, _ = soundfile.read(tmp_path / "long.wav", dtype="float32")
    first = heard[round(found[0].start * RATE) : round(found[0].end * RATE)]
    [alone] = asked(wav(tmp_path / "first.wav", first))
    assert alone.probabilities == pytest.approx(found[0].probabilities, abs=1e-9)


def test_subtitles_make_the_timeline_and_give_the_words(bimodal, tmp_path):
    wav(tmp_path / "a.wav", tone(5))
    (tmp_path / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:03,000\nso happy\n\n2\n00:00:09,000 --> 00:00:10,000\nlate\n"
    )
    first, late = load(bimodal, settings=Settings(voice="energy"))(tmp_path / "a.wav")
    assert (first.start, first.end, first.text, first.used) == (1.0, 3.0, "so happy", ("audio", "text"))
    assert late.used == ("text",)
    assert "behind the end" in late.missing["audio"]
    assert not any("are heard" in warning for warning in first.warnings)


def test_of_words_that_last_longer_than_a_clip_may_it_is_said_what_is_heard(bimodal, tmp_path):
    wav(tmp_path / "a.wav", tone(5))
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:04.000\nso happy\n")
    asked = load(bimodal, settings=Settings(voice="energy"))
    asked.data = Data(max_seconds=2.0)
    [answer] = asked(tmp_path / "a.wav")
    assert (answer.start, answer.end) == (1.0, 4.0)
    assert answer.warnings[0] == "only its first 2 s are heard"


def test_each_modality_alone_and_what_is_missing(bimodal, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    asked = load(bimodal, settings=Settings(voice="energy"))
    [both], [heard] = asked(path, "what a day"), asked(path)
    assert set(both.each) == {"audio", "text"}
    assert both.each["audio"] == heard.probabilities != both.probabilities
    assert heard.missing == {"text": "no words"}


def test_a_film_is_heard_and_seen(filmed, tmp_path):
    from skimage.data import astronaut
    from skimage.transform import resize

    face = (resize(astronaut(), (160, 160)) * 255).astype(np.uint8)
    asked = load(filmed, settings=Settings(voice="energy"))
    [both] = asked(film(tmp_path / "a.mp4", [face] * 25, sound=tone(1)))
    assert both.used == ("audio", "video")
    [seen] = asked(film(tmp_path / "b.mp4", [face] * 25))
    assert (seen.used, seen.missing) == (("video",), {"audio": "it has no audio track"})
    [heard] = asked(film(tmp_path / "c.mkv", [grey(90)] * 25, sound=tone(1)))
    assert heard.used == ("audio",)
    assert "no face in any of" in heard.missing["video"]
    [neither] = asked(film(tmp_path / "d.mp4", [grey(90)] * 25))
    assert "no audio track" in neither.error
    assert "no face" in neither.error
    asked.data = Data(max_seconds=1.0)
    parts = asked(film(tmp_path / "e.mp4", [face] * 40))
    assert [(a.start, a.end, a.used) for a in parts] == [(0.0, 1.0, ("video",)), (1.0, 1.6, ("video",))]


def test_words_without_a_recording_and_a_model_of_words_alone(bimodal, tmp_path):
    [answer] = load(bimodal).answers(collect([], text="what a day"))
    assert (answer.path, answer.used) == ("", ("text",))
    words = load(save_linear(tmp_path / "words", ("text",)))
    [long] = words(wav(tmp_path / "long.wav", np.concatenate([tone(20), quiet(20)])), "what a day")
    assert long.probabilities == next(words.answers(collect([], text="what a day"))).probabilities
    [silent] = words(wav(tmp_path / "a.wav", tone(1)))
    assert silent.error == "text: no words"


def test_uncertain_answers_are_withheld_and_nothing_else_changes(model, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    [told] = load(model, settings=Settings(voice="energy"))(path)
    [held] = load(model, settings=Settings(voice="energy", abstain=told.certainty + 1e-6))(path)
    assert held == replace(told, label=None)


def test_what_is_unlike_the_training_data_is_said(model, tmp_path):
    asked = load(model, settings=Settings(voice="energy"))
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    [like], [unlike] = asked(wav(tmp_path / "a.wav", tone(1, 5, 201))), asked(wav(tmp_path / "b.wav", noise))
    assert like.warnings == ()
    assert "audio is unlike the training data" in unlike.warnings[0]


def test_an_older_model_does_not_know_what_is_usual_and_says_so(tmp_path):
    folder = save_linear(tmp_path / "old", without=("inputs", "usual"))
    asked = load(folder, settings=Settings(voice="energy"))
    assert "does not know what its audio was like" in asked.notes[0]
    [answer] = asked(wav(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, RATE)))
    assert answer.label in CLASSES
    assert not answer.warnings


@pytest.mark.parametrize("usual", [{"audio": {"low": "?", "high": "", "outside": 0}}, {"audio": 5}, 5])
def test_a_card_with_other_bounds_is_refused(tmp_path, usual):
    folder = save_linear(tmp_path / "model", usual=usual)
    with pytest.raises(CheckpointError, match=r"model.json: usual|what its audio is usually like"):
        load(folder)


def test_each_file_has_its_row_and_the_exit_code_says_that_some_failed(model, tmp_path, capsys):
    good = wav(tmp_path / "good.wav", tone(1))
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not sound", encoding="utf-8")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", encoding="utf-8")
    wav(tmp_path / "one.wav", np.array([0.5], np.float32))
    wav(tmp_path / "silent.wav", np.zeros(RATE, np.float32))
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    names = ["good", "empty", "text", "one", "silent", "nan", "gone"]
    code, rows = ask(model, *(tmp_path / f"{n}.wav" for n in names), tmp_path / "list.mp4", good)
    assert code == 1
    assert [bool(row["label"]) for row in rows] == [True, *[False] * 7, True]
    told = [row["error"] for row in rows]
    expected = ["", "empty (0 bytes)", "not readable as audio", "too short: 1 samples", "no speech",
                "not numbers", "not there", "not readable as audio"]  # fmt: skip
    assert all(part in error for part, error in zip(expected, told, strict=False)), told
    assert rows[0]["p_anger"] == rows[-1]["p_anger"]
    assert "2 answered, 7 failed" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may read everything")
def test_a_file_that_may_not_be_read_is_said_to_be_one(model, tmp_path):
    wav(tmp_path / "a.wav", tone(1)).chmod(0)
    [answer] = load(model, settings=Settings(voice="energy"))(tmp_path / "a.wav")
    assert answer.error == "cannot be read (Permission denied)"


def test_what_is_damaged_further_on_is_answered_up_to_there(model, tmp_path):
    path = wav(tmp_path / "long.flac", np.concatenate([tone(2), quiet(1), tone(45), quiet(1)]))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    code, rows = ask(model, path)
    assert code == 1
    assert [bool(row["error"]) for row in rows] == [False] * (len(rows) - 1) + [True]
    assert len(rows) > 2
    assert "read" in rows[-1]["error"] or "damaged" in rows[-1]["error"]


def test_nothing_can_be_asked(model, tmp_path, capsys):
    path = wav(tmp_path / "a.wav", tone(1))
    assert main([str(path), "--model", str(tmp_path), "--out", str(tmp_path / "o.csv")]) == 2
    assert "there is no model.json" in capsys.readouterr().err
    assert main([str(tmp_path / "nothing"), "--model", str(model), "--list", str(tmp_path / "no.txt")]) == 2
    assert not (tmp_path / "o.csv").exists()
    (tmp_path / "void").mkdir()
    assert main([str(tmp_path / "void"), "--model", str(model)]) == 2
    assert "no recording to ask about" in capsys.readouterr().err


def test_a_model_whose_inputs_are_made_otherwise_by_now_is_refused(tmp_path, monkeypatch):
    folder = save_linear(tmp_path / "model")
    monkeypatch.setitem(audio.EXTRACTORS, "mfcc", replace(audio.EXTRACTORS["mfcc"], version=99))
    with pytest.raises(CheckpointError, match="audio was extracted with version"):
        load(folder)


def test_json_lines_and_a_page_without_foreign_markup(bimodal, tmp_path):
    path = wav(tmp_path / "a <b>&'x.wav", tone(1))
    code = main([str(path), "--text", "<script>alert(1)</script>", "--model", str(bimodal), "--json", "--html",
                 "--voice", "energy", "--out", str(tmp_path / "p.csv")])  # fmt: skip
    assert code == 0
    [line] = (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    told = json.loads(line)
    assert told["text"] == "<script>alert(1)</script>"
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<b>&" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<audio ") == 1
    assert "http" not in page.replace("http-equiv", "")


def test_a_linear_model_needs_no_torch(model, tmp_path):
    path = wav(tmp_path / "a.wav", tone(1))
    program = (
        "import sys; from mer.predict.__main__ import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'torch', 'sklearn', 'matplotlib', 'transformers'} & set(sys.modules)))"
    )
    line = [sys.executable, "-c", program, str(path), "--model", str(model), "--voice", "energy"]
    done = subprocess.run([*line, "--out", str(tmp_path / "o.csv")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_model_that_scales_every_speaker_by_itself_is_refused(tmp_path):
    folder = save_linear(tmp_path / "m", training={"missing": "learned", "normalisation": "speaker"})
    with pytest.raises(CheckpointError, match=r"normalisation: speaker.*python -m mer\.evaluation"):
        load(folder, settings=Settings(voice="energy"))
