"""Requests, and the text beside recordings, all of which may be foreign."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.predict.inputs.requests import Request, collect_requests
from mer.predict.inputs.subtitles import parse


def test_folder_gives_its_recordings_by_name_without_hidden_ones(tmp_path):
    for name in ("b.wav", "a/z.MP4", ".hidden/c.wav", "notes.pdf", "b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Well.", encoding="utf-8")
    requests = collect_requests([tmp_path])
    assert [one.path.name for one in requests] == ["z.MP4", "b.wav"]
    assert [one.text for one in requests] == [None, "Well."]


def test_text_with_times_has_precedence(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_text("all of it", encoding="utf-8")
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.500 align:start\n<v Ann>Oh &amp; no\n")
    [one] = collect_requests([tmp_path / "a.wav"])
    assert one.text is None
    assert one.cues == ((1.0, 2.5, "Oh & no"),)
    expected = Request(tmp_path / "a.wav", "given", speaker=str(tmp_path))
    assert collect_requests([tmp_path / "a.wav"], text="given")[0] == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.srt", b"no times", "no text with times"),
        ("a.txt", b"caf\xe9", "not UTF-8 (byte 3)"),
        ("a.srt", b"1\r\n00:00:01,000 -->\r\nOh", "a.srt, line 2: '00:00:01,000 -->' is no pair of times"),
        ("a.srt", b"-00:00:01,000 --> 00:00:01,000\nOh", "line 1: '-00:00:01,000 --> 00:00:01,000' is no pair"),
        ("a.vtt", b"WEBVTT\n\n00:03.000 --> 00:02.000\nOh", "line 3: '00:03.000 --> 00:02.000' ends before it begins"),
    ],
)
def test_unreadable_text_is_an_error_of_the_recording(tmp_path, name, content, message):
    (tmp_path / "a.wav").touch()
    (tmp_path / name).write_bytes(content)
    assert message in collect_requests([tmp_path / "a.wav"])[0].error


def test_subtitles_of_several_kinds(tmp_path):
    (tmp_path / "a.wav").touch()
    content = "\ufeff1\r\n00:00:05,5 --> 00:00:09,000\r\n<font color=red>{\\an8}an arrow --> there</font>\r\n"
    content += "2\r\n00:00:01,000 --> 00:00:06,000 X1:0\r\nover &lt;it&gt;\r\n1984\r\n\r\n"
    content += "00:00:02,000 --> 00:00:02,000\r\nnone\r\n"
    (tmp_path / "a.srt").write_bytes(content.encode())
    assert collect_requests([tmp_path / "a.wav"])[0].cues == (
        (1.0, 6.0, "over <it> 1984"),
        (5.5, 9.0, "an arrow --> there"),
    )


def test_ten_thousand_cues_are_read(tmp_path):
    (tmp_path / "a.wav").touch()
    clock = [f"{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d},000" for n in range(10_001)]
    (tmp_path / "a.srt").write_text("\n".join(f"{n}\n{clock[n]} --> {clock[n + 1]}\nword {n}" for n in range(10_000)))
    cues = collect_requests([tmp_path / "a.wav"])[0].cues
    assert cues[9_999] == (9999.0, 10_000.0, "word 9999")
    assert cues[0].text == "word 0"


def test_lists_are_read(tmp_path):
    (tmp_path / "list.txt").write_text("a.wav\n\n sub/b.wav \n", encoding="utf-8")
    assert [one.path for one in collect_requests([], [tmp_path / "list.txt"])] == [
        tmp_path / "a.wav",
        tmp_path / "sub/b.wav",
    ]
    (tmp_path / "list.csv").write_bytes('﻿path,text\na.wav,"Oh,\nno"\n,only text\n'.encode())
    assert collect_requests([], [tmp_path / "list.csv"]) == [
        Request(tmp_path / "a.wav", "Oh,\nno", speaker=str(tmp_path)),
        Request(None, "only text"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("l.csv", "file,text\n", "`path` is missing"), ("l.txt", "", "no recording to predict")],
)
def test_lists_without_requests_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        collect_requests([], [tmp_path / name])


def test_text_for_several_recordings_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--text belongs to one recording, but 2"):
        collect_requests([tmp_path / "a.wav", tmp_path / "b.wav"], text="x")


def test_paths_without_a_recording_get_an_error(tmp_path):
    for name in ("void", "folder.wav"):
        (tmp_path / name).mkdir()
    (tmp_path / "a.wav").touch()
    (tmp_path / "l.txt").write_text(f"folder.wav\ngone.wav\n{'x' * 300}.wav\n.\n", encoding="utf-8")
    requests = collect_requests([tmp_path / "void", tmp_path / "a.wav"], [tmp_path / "l.txt"])
    errors = [one.error and one.error[:15] for one in requests]
    assert errors == ["no recording in", None, "this is a folde", None, None, "this is a folde"]


@given(st.sampled_from(["l.txt", "l.csv", "l.tsv"]), st.text() | st.text('ab,"\t\n\r.\0/').map("path,text\n".__add__))
def test_any_list_gives_requests_or_a_message(tmp_path_factory, name, content):
    place = tmp_path_factory.getbasetemp() / name
    place.write_text(content, encoding="utf-8", newline="")
    try:
        requests = collect_requests([], [place])
    except ValueError as error:
        assert "--list" in str(error) or "no recording to predict" in str(error)  # noqa: PT017
    else:
        assert all(one.path or one.text for one in requests)


@given(st.text() | st.lists(st.sampled_from(["1", "00:00:01,5 --> 00:00:02,000", "-->", "<i", "{\\an8}x", "", "9:9"]))
       .map("\n".join))  # fmt: skip
def test_any_text_gives_sorted_cues_or_names_a_line(text):
    try:
        cues = parse(text)
    except ValueError as error:
        assert str(error).startswith("line ")  # noqa: PT017
        return
    assert list(cues) == sorted(cues)
    assert all(0 <= cue.start < cue.end < math.inf and cue.text.strip() for cue in cues)
