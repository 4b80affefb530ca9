"""What is asked, and the words beside it; all of it is foreign."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.predict.asked import Asked, collect
from mer.predict.subtitles import parse


def test_a_folder_to_its_bottom_by_name_without_what_is_hidden_or_no_recording(tmp_path):
    for name in ("b.wav", "a/z.MP4", ".hidden/c.wav", "notes.pdf", "b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Well.", encoding="utf-8")
    found = collect([tmp_path])
    assert [one.path.name for one in found] == ["z.MP4", "b.wav"]
    assert [one.text for one in found] == [None, "Well."]


def test_times_come_before_plain_words(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_text("all of it", encoding="utf-8")
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.500 align:start\n<v Ann>Oh &amp; no\n")
    [one] = collect([tmp_path / "a.wav"])
    assert one.text is None
    assert one.cues == ((1.0, 2.5, "Oh & no"),)
    assert collect([tmp_path / "a.wav"], text="said")[0] == Asked(tmp_path / "a.wav", "said")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("a.srt", b"no times", "no words with times"), ("a.txt", b"caf\xe9", "not UTF-8 (byte 3)")],
)
def test_words_that_cannot_be_read_are_the_recordings_error(tmp_path, name, content, told):
    (tmp_path / "a.wav").touch()
    (tmp_path / name).write_bytes(content)
    assert told in collect([tmp_path / "a.wav"])[0].error


def test_lists(tmp_path):
    (tmp_path / "list.txt").write_text("a.wav\n\n sub/b.wav \n", encoding="utf-8")
    assert [one.path for one in collect([], [tmp_path / "list.txt"])] == [tmp_path / "a.wav", tmp_path / "sub/b.wav"]
    (tmp_path / "list.csv").write_bytes('﻿path,text\na.wav,"Oh,\nno"\n,only words\n'.encode())
    assert collect([], [tmp_path / "list.csv"]) == [Asked(tmp_path / "a.wav", "Oh,\nno"), Asked(None, "only words")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("l.csv", "file,text\n", "not a column `path`"), ("l.txt", "", "no recording to ask about")],
)
def test_lists_that_ask_nothing(tmp_path, name, content, told):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        collect([], [tmp_path / name])


def test_one_text_is_of_one_recording(tmp_path):
    with pytest.raises(ValueError, match="--text is of one recording, and 2"):
        collect([tmp_path / "a.wav", tmp_path / "b.wav"], text="x")


@given(st.text() | st.lists(st.sampled_from(["1", "00:00:01,5 --> 00:00:02,000", "-->", "<i", "{\\an8}x", "", "9:9"]))
       .map("\n".join))  # fmt: skip
def test_any_text_gives_cues_in_order_or_none(text):
    cues = parse(text)
    assert list(cues) == sorted(cues)
    assert all(0 <= cue.start < cue.end < math.inf and cue.text.strip() for cue in cues)
