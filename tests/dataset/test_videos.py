"""The video of an utterance, and its columns in the manifest."""

import numpy as np
import pandas as pd
import pytest

from mer import features, files
from mer.corpora import CORPORA, Problem, Utterance, parsers, selected
from mer.dataset.audit import checks
from mer.dataset.audit.measures import recording_measures
from mer.dataset.audit.shortcuts import scores
from mer.dataset.manifest import build, headers, schema
from mer.features import video as visual
from mer.features.video import hog
from mer.media import audio
from mer.params.schema import Corpus as Options
from mer.params.schema import Data, VideoFeatures
from tests.corpora.trees import put, speech
from tests.media.video_files import film, grey

BUILD = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 5}
BUILD |= {"min_seconds": 0.1, "max_seconds": 30.0}
PICTURES = [grey(90)] * 5
TONE = 0.1 * np.sin(np.arange(16_000) / 9)
SCORES = "happy,sad,anger,surprise,disgust,fear"


def parsed(raw, name):
    result = CORPORA[name]
    return list(parsers.parse(result, raw, result.find(raw)))


def single_item(raw, name):
    [row] = parsed(raw, name)
    assert isinstance(row, Utterance), row
    return row


@pytest.mark.parametrize(
    ("name", "sound", "video"),
    [
        ("ravdess", "RAVDESS/Actor_01/03-01-06-01-02-01-01.wav", "RAVDESS/Video/Actor_01/01-01-06-01-02-01-01.mp4"),
        ("ravdess_song", "RAVDESS song/A/03-02-06-01-02-01-01.wav", "RAVDESS song/A/02-02-06-01-02-01-01.mp4"),
        ("cremad", "CREMA-D/AudioWAV/1001_DFA_ANG_XX.wav", "CREMA-D/VideoFlash/1001_DFA_ANG_XX.flv"),
        ("mead", "MEAD/M003/audio/angry/level_1/001.m4a", "MEAD/M003/video/front/angry/level_1/001.mp4"),
        ("afew", "AFEW/Val_AFEW/Fear/000000001.wav", "AFEW/Val_AFEW/Fear/000000001.avi"),
    ],
)
def test_a_corpus_finds_its_videos(tmp_path, name, sound, video):
    put(tmp_path, sound)
    assert single_item(tmp_path, name).video is None
    put(tmp_path, video)
    result = single_item(tmp_path, name)
    assert (result.path, result.video) == (sound, video)
    (tmp_path / video).write_bytes(b"")
    assert next(row.reason for row in parsed(tmp_path, name) if isinstance(row, Problem)).startswith("empty file")


def test_ravdess_uses_the_video_with_audio_of_the_same_take(tmp_path):
    put(tmp_path, "RAVDESS/Actor_01/03-01-06-01-02-01-01.wav")
    for stem in (
        "02-01-06-01-02-01-01",
        "01-01-06-01-02-01-01",
        "01-02-06-01-02-01-01",
        "01-01-06-01-02-02-01",
        "notes",
    ):
        put(tmp_path, f"RAVDESS/Actor_01/{stem}.mp4")
    assert single_item(tmp_path, "ravdess").video == "RAVDESS/Actor_01/01-01-06-01-02-01-01.mp4"


def test_a_known_defective_cremad_video_is_not_used(tmp_path):
    for name in ("AudioWAV/1064_IEO_DIS_MD.wav", "VideoFlash/1064_IEO_DIS_MD.flv", "VideoFlash/extra.flv"):
        put(tmp_path, f"CREMA-D/{name}")
    assert single_item(tmp_path, "cremad").video is None


def test_meld_keeps_the_video_of_converted_audio(tmp_path):
    put(tmp_path, "MELD/dev_sent_emo.csv", "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nHi!,Joey,joy,0,0\n")
    put(tmp_path, "MELD/dev/dia0_utt0.mp4")
    assert (single_item(tmp_path, "meld").path, single_item(tmp_path, "meld").video) == ("MELD/dev/dia0_utt0.mp4", None)
    put(tmp_path, "MELD/dev/dia0_utt0.wav")
    assert (single_item(tmp_path, "meld").path, single_item(tmp_path, "meld").video) == (
        "MELD/dev/dia0_utt0.wav",
        "MELD/dev/dia0_utt0.mp4",
    )


def test_mosei_never_applies_the_times_of_a_whole_video_to_a_part(tmp_path):
    put(tmp_path, "MOSEI/labels.csv", f"video,start,end,{SCORES}\nv,1,2,1,0,0,0,0,0\n")
    put(tmp_path, "MOSEI/Full/WAV_16000/v.wav")
    result = [row for row in parsed(tmp_path, "mosei") if isinstance(row, Utterance)]
    assert [(row.path, row.start, row.video) for row in result] == [("MOSEI/Full/WAV_16000/v.wav", 1.0, None)]
    put(tmp_path, f"MOSEI/Videos/Segmented/{result[0].name}.mp4")
    [row] = [row for row in parsed(tmp_path, "mosei") if isinstance(row, Utterance)]
    assert row.video is None
    put(tmp_path, "MOSEI/Videos/Full/v.mp4")
    [row] = [row for row in parsed(tmp_path, "mosei") if isinstance(row, Utterance)]
    assert (row.path, row.start, row.video) == ("MOSEI/Full/WAV_16000/v.wav", 1.0, "MOSEI/Videos/Full/v.mp4")


def user_corpus(raw, **options):
    return selected({"mine": Options(**{"table": "mine/my.csv"} | options)})


def test_a_user_table_names_videos(tmp_path):
    for name in ("a.wav", "b.wav", "c.wav", "v/a.mp4"):
        put(tmp_path, f"mine/{name}")
    lines = ["path,speaker,emotion,video", "a.wav,A,joy,v/a.mp4", "b.wav,A,joy,", "c.wav,B,joy,v/c.mp4"]
    put(tmp_path, "mine/my.csv", "\n".join(lines))
    corpus = user_corpus(tmp_path)["mine"]
    result = list(parsers.parse(corpus, tmp_path, tmp_path / "mine"))
    videos = {row.path: row.video for row in result if isinstance(row, Utterance)}
    assert videos == {"mine/a.wav": "mine/v/a.mp4", "mine/b.wav": None, "mine/c.wav": None}
    [message] = [row for row in result if isinstance(row, Problem)]
    assert (message.line, message.reason) == (4, "video 'v/c.mp4': no such file below mine/")


@pytest.mark.parametrize("cell", ["../a.mp4", "/etc/a.mp4", "C:/a.mp4"])
def test_a_video_outside_the_folder_is_refused(tmp_path, cell):
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "a.mp4")
    put(tmp_path, "mine/my.csv", f"path,speaker,emotion,video\na.wav,A,joy,{cell}\n")
    result = list(parsers.parse(user_corpus(tmp_path)["mine"], tmp_path, tmp_path / "mine"))
    assert sorted(type(row).__name__ for row in result) == ["Problem", "Utterance"]


def test_a_column_video_of_names_is_no_path_unless_declared(tmp_path):
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "mine/my.csv", "path,speaker,emotion,video\na.wav,A,joy,clip 7\n")
    [row] = parsers.parse(user_corpus(tmp_path)["mine"], tmp_path, tmp_path / "mine")
    assert row.video is None
    message = list(
        parsers.parse(user_corpus(tmp_path, columns={"video": "video"})["mine"], tmp_path, tmp_path / "mine")
    )
    assert "video 'clip 7': no such file" in next(row.reason for row in message if isinstance(row, Problem))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A corpus with every kind of file, and its manifest by file name."""
    raw = tmp_path_factory.mktemp("raw")
    for number in range(6):
        speech(raw / f"mine/plain{number}.wav", seconds=1)
    film(raw / "mine/both.mp4", PICTURES, rate=5, sound=TONE)
    film(raw / "mine/mute.mp4", PICTURES, rate=5)
    film(raw / "mine/beside.webm", PICTURES, rate=5)
    put(raw, "mine/broken.mp4", bytes(range(256)) * 20)
    speech(raw / "mine/sound.flac", seconds=1)
    names = [*(f"plain{n}.wav," for n in range(4)), "plain4.wav,beside.webm", "plain5.wav,broken.mp4"]
    names += ["both.mp4,", "mute.mp4,", "sound.flac,mute.mp4"]
    lines = [f"{name},S{n % 4},{('joy', 'sad')[n % 2]}" for n, name in enumerate(names)]
    put(raw, "mine/my.csv", "\n".join(["path,video,speaker,emotion", *lines]))
    result = build.build(raw, user_corpus(raw), build.BuildOptions(**BUILD), cache=raw / "cache")
    return raw, result.manifest.assign(name=lambda f: f["source_path"].str.removeprefix("mine/")).set_index("name")


def test_the_manifest_names_all_videos(built):
    raw, rows = built
    places = rows["video_path"].dropna().to_dict()
    assert places == {
        "plain4.wav": "mine/beside.webm",
        "plain5.wav": "mine/broken.mp4",
        "both.mp4": "mine/both.mp4",
        "mute.mp4": "mine/mute.mp4",
        "sound.flac": "mine/mute.mp4",
    }
    for name, place in places.items():
        assert rows.loc[name, "video_sha256"] == files.digest_file(raw / place)
    assert rows.loc[~rows.index.isin(places), "video_sha256"].isna().all()


def test_videos_without_audio_are_kept(built):
    _, rows = built
    mute = rows.loc["mute.mp4"]
    assert (mute["audio_ok"], mute["audio_error"]) == (False, "it has no audio track")
    assert pd.isna(mute["exclude_reason"])
    assert pd.isna(mute["duration"])
    assert pd.isna(mute["audio_sha256"])


def test_a_segment_after_the_end_is_excluded_with_or_without_video(tmp_path):
    for number in range(4):
        speech(tmp_path / f"mine/{number}.wav", seconds=1)
    film(tmp_path / "mine/both.mp4", PICTURES, rate=5, sound=TONE)
    lines = [f"{number}.wav,S{number},joy,," for number in range(4)]
    put(tmp_path, "mine/my.csv", "\n".join(["path,speaker,emotion,start,end", *lines, "both.mp4,S0,joy,7,8"]))
    rows = build.build(tmp_path, user_corpus(tmp_path), build.BuildOptions(**BUILD)).manifest.set_index("source_path")
    assert rows.loc["mine/both.mp4", "exclude_reason"].startswith("begins at 7 s of a recording of 1")


def test_the_audit_takes_such_a_manifest(built):
    raw, rows = built
    usable = schema.usable(rows)
    heard = recording_measures.measure_recordings(usable, raw, raw / "cache", 1)
    mute = usable["source_path"] == "mine/mute.mp4"
    assert heard.loc[mute, "error"].tolist() == ["it has no audio track"]
    message = {finding.kind: finding.examples for finding in checks.find_faults(usable, heard)}
    assert message["unreadable recording"] == ("mine/mine/mute.mp4",)
    shortcuts = scores.shortcut_scores(usable, heard, {"mine": "speaker_id"})
    assert np.isfinite(shortcuts["chance"]).all()


def test_a_broken_video_is_a_listed_failure(built, tmp_path):
    raw, rows = built
    section, store = VideoFeatures(), features.Store(tmp_path, visual.spec(VideoFeatures(), Data()))
    faces = visual.stored_faces(tmp_path, section, Data(), features.Resources())
    visual.extract(rows, raw, store, hog.EXTRACTOR.open(section, features.Resources()), faces)
    message = dict(zip(rows.index, store.errors(visual.keys(rows)), strict=True))
    assert "not readable as a video" in message["plain5.wav"] or "not a video" in message["plain5.wav"]
    assert message["both.mp4"] == "no face in any of 5 frames"
    assert message["plain0.wav"] is None


def test_a_video_without_permission_is_a_reason(tmp_path, monkeypatch):
    film(tmp_path / "a.mp4", PICTURES, rate=5)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "digest_file", refuse)
    result = headers.read_headers(tmp_path, ["a.mp4"]).loc["a.mp4"]
    assert (result["error"], result["pictures"]) == ("cannot be opened (Permission denied)", False)


def test_a_file_is_digested_once(built, monkeypatch):
    raw, _ = built
    seen, digest, header = [], files.digest_file, audio.header
    monkeypatch.setattr(files, "digest_file", lambda path: seen.append(path.name) or digest(path))
    monkeypatch.setattr(audio, "header", lambda path: seen.append(path.name) or header(path))
    again = headers.read_headers(raw, ["mine/mute.mp4", "mine/both.mp4"], raw / "cache")
    assert seen == []
    assert again["pictures"].all()
    assert again.loc["mine/mute.mp4", "error"] == "it has no audio track"
