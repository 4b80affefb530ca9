"""Damaged, foreign and hostile files in the folders of corpora."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer.corpora import selected
from mer.corpora.synthetic import trees
from mer.dataset.manifest import build, schema
from mer.params.schema import Synthetic
from tests.hostile.test_recordings import flac_of_2_to_the_36, wav_of_3e38
from tests.studies import refuse, run_all

OPTIONS = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 5}
OPTIONS |= {"min_seconds": 0.1, "max_seconds": 30.0}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    raw = tmp_path_factory.mktemp("clean") / "raw"
    trees.write(raw, Synthetic(speakers=4, clips=3))
    return raw


@pytest.fixture
def raw(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "raw")


def test_damaged_files_are_listed_and_never_mislabelled(raw):
    before = build.build(raw, selected(["emodb"]), build.BuildOptions(**OPTIONS)).manifest
    clips = [clip for clip in sorted((raw / "emodb" / "wav").glob("*.wav")) if clip.stem[5] != "L"]  # L is dropped
    clips[0].write_bytes(b"")
    clips[1].write_bytes(b"this is not audio")
    clips[2].write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    samples, rate = soundfile.read(clips[3])
    soundfile.write(clips[3], np.stack([samples, samples], axis=1)[::2], rate // 2)  # stereo, half the rate
    (raw / "emodb" / "wav" / "notes.wav").write_text("hello")
    dataset = build.build(raw, selected(["emodb"]), build.BuildOptions(**OPTIONS))
    told = " ".join(dataset.problems["path"]) + " ".join(
        dataset.manifest.loc[dataset.manifest["exclude_reason"].notna(), "source_path"]
    )
    for clip in (*clips[:3], raw / "emodb" / "wav" / "notes.wav"):
        assert clip.name in told
    usable = schema.usable(dataset.manifest)
    assert clips[3].name in " ".join(usable["source_path"])
    both = usable.merge(before, on="utterance_id", suffixes=("", "_before"))
    assert (both["emotion"] == both["emotion_before"]).all()


def test_message_without_corpora_names_folder_and_remedy(tmp_path):
    with pytest.raises(build.NoCorpora, match=r"data\.raw") as caught:
        build.build(tmp_path, selected(["emodb"]), build.BuildOptions(**OPTIONS))
    assert str(tmp_path) in str(caught.value)
    assert "emodb" in str(caught.value)


def test_splits_do_not_depend_on_repeated_builds_and_other_corpora(raw):
    alone = build.build(raw, selected(["emodb"]), build.BuildOptions(**OPTIONS)).manifest
    together = build.build(raw, selected(["ravdess", "emodb", "cremad"]), build.BuildOptions(**OPTIONS)).manifest
    part = together[together["corpus"] == "emodb"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, part)


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        ({"data__raw": "no/such/folder", "data__synthetic": "null"}, ["data.raw", "no/such/folder", "--set data.raw="]),
        ({"corpora": "[emodbb]", "training__epoch": "3"}, ["training.epoch", "'epochs'"]),
        ({"corpora": "[emodbb]"}, ["corpora.emodbb", "'emodb'"]),
        ({"labels__overrides": "{emodb: {W: rage}}"}, ["labels.overrides.emodb", "rage"]),
    ],
)
def test_a_wrong_study_is_refused_before_anything_runs(sets, told):
    finished = refuse("params/demo.yaml", name="pytest-refused", **sets)
    assert finished.code == 2
    assert all(part in finished.screen for part in told), finished.screen
    assert not finished.folder.exists()


def test_corpus_without_utterances_fails_after_the_others_are_built(raw, tmp_path):
    for clip in (raw / "emodb" / "wav").glob("*.wav"):
        clip.write_bytes(b"")
    finished = run_all("params/demo.yaml", "--steps", "01", name="pytest-empty", data__synthetic="null", data__raw=raw,
                       data__store=tmp_path / "store", corpora="[emodb, ravdess]")  # fmt: skip
    try:
        assert finished.code == 1
        assert "emodb: the folder exists, but has no usable utterance" in finished.screen
        manifest = finished.table("data/manifest.parquet")
        assert set(schema.usable(manifest)["corpus"]) == {"ravdess"}
        errors = manifest.loc[manifest["corpus"] == "emodb", "audio_error"]
        assert len(errors) > 10
        assert set(errors) == {"the file is empty (0 bytes)"}
    finally:
        finished.remove()


def test_missing_table_is_refused():
    finished = refuse("params/demo.yaml", name="pytest-refused", corpora="{mine: {table: mine/my.csv}}")
    assert finished.code == 2
    assert "corpora.mine.table: data/synthetic/mine/my.csv does not exist" in finished.screen


def test_an_unreadable_study_file_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [")
    finished = run_all(tmp_path / "x.yaml", name="pytest-refused")
    assert finished.code == 2
    assert "x.yaml" in finished.screen
    assert "Traceback" not in finished.screen


def test_a_study_of_damaged_and_hostile_files_ends_in_a_report(raw, tmp_path):
    table = raw / "MELD" / "train_sent_emo.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    rows = pd.read_csv(table, dtype=str)
    rows.loc[0, "Utterance"] = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    rows.loc[1, "Speaker"] = "<b>Bob</b>"
    rows[header].to_csv(table, index=False)
    clip = sorted((raw / "CREMA-D" / "AudioWAV").glob("*.wav"))[0]
    clip.write_bytes(clip.read_bytes()[:2000])
    (raw / "emodb" / "wav" / "<script>alert(2)<.wav").write_bytes(b"")
    wav_of_3e38(sorted((raw / "emodb" / "wav").glob("*.wav"))[3])
    flac_of_2_to_the_36(sorted((raw / "RAVDESS").rglob("*.wav"))[0])
    if os.name == "posix":
        (raw / "RAVDESS" / os.fsdecode(b"gr\xfc\xdfe.wav")).write_bytes(b"RIFF")
        os.mkfifo(raw / "RAVDESS" / "Actor_01" / "pipe.wav")
    finished = run_all("params/demo.yaml", "--steps", "01,02", name="pytest-hostile", data__synthetic="null",
                       data__raw=raw, data__store=tmp_path / "store")  # fmt: skip
    try:
        assert finished.code == 0, finished.screen
        for page in finished.folder.glob("*.html"):
            html = page.read_text(encoding="utf-8")
            assert "<script" not in html
            assert "onerror=alert" not in html.replace("&lt;img src=x onerror=alert", "")
    finally:
        finished.remove()
