"""Unreadable recordings, texts without recordings and empty corpora in the manifest."""

import numpy as np
import pandas as pd
import pytest

from mer import features
from mer.corpora import selected
from mer.dataset.manifest import build, schema
from mer.features import audio
from mer.features.audio import mfcc
from mer.media.audio import SILENCE_SECONDS
from mer.params.schema import AudioFeatures, Data
from mer.params.schema import Corpus as Options
from mer.report.tables import dataset as dataset_tables
from mer.report.text import dataset as dataset_text
from tests.corpora.trees import put, speech

OPTIONS = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 5}
OPTIONS |= {"min_seconds": 0.1, "max_seconds": 30.0}
MELD = "Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    for actor in range(1, 5):
        for emotion in ("01", "05"):
            speech(folder / f"RAVDESS/Actor_{actor:02}/03-01-{emotion}-01-01-01-{actor:02}.wav")
    put(folder, "RAVDESS/Actor_01/03-01-05-01-01-01-01.wav", b"damaged, and longer than a pointer would be")
    return folder


def make(raw, names=("ravdess",), **options):
    return build.build(raw, selected(names), build.BuildOptions(**(OPTIONS | options)))


def test_an_unreadable_recording_is_excluded_with_its_reason(raw):
    manifest = make(raw).manifest
    [row] = manifest[~manifest["audio_ok"]].to_dict("records")
    assert "not readable as audio" in row["audio_error"]
    assert row["exclude_reason"] == row["audio_error"]
    assert len(schema.usable(manifest)) == 7
    [row] = dataset_tables.failure_table(manifest).to_dict("records")
    assert (row["utterances"], row["replaced by"]) == (1, "excluded")


def test_an_unreadable_recording_can_be_kept_as_silence(raw, tmp_path):
    manifest = make(raw, audio_failure="silence").manifest
    usable = schema.usable(manifest)
    assert len(usable) == 8
    [row] = usable[~usable["audio_ok"]].to_dict("records")
    assert row["duration"] == SILENCE_SECONDS
    assert pd.isna(row["audio_sha256"])
    assert dataset_tables.failure_table(manifest)["replaced by"].tolist() == ["one second of silence"]
    section = AudioFeatures(n_mfcc=13)
    store = features.Store(tmp_path, audio.spec(section, Data()))
    audio.extract(usable, raw, store, mfcc.EXTRACTOR.open(section, features.Resources()))
    vectors, present = store.load(audio.keys(usable), 26)
    assert present.all()
    deviation = vectors[:, 13:].sum(axis=1)
    assert (deviation[~usable["audio_ok"]] < 0.01).all()
    assert (deviation[usable["audio_ok"]] > 1).all()


RECORDINGS_OF_ZERO_BYTES = {
    "ravdess": ("RAVDESS/Actor_02/03-01-05-01-01-01-02.wav", {}),
    "savee": ("SAVEE/AudioData/DC/a01.wav", {}),
    "mine": ("x.wav", {"mine.csv": "path,speaker,emotion\nx.wav,A,joy\ny.wav,B,joy\n"}),
}


@pytest.mark.parametrize("corpus", RECORDINGS_OF_ZERO_BYTES)
def test_recording_of_zero_bytes_follows_audio_failure(corpus, raw):
    path, lists = RECORDINGS_OF_ZERO_BYTES[corpus]
    for name, content in lists.items():
        put(raw, name, content)
    speech(raw / "y.wav")
    put(raw, path, b"")
    table = {"mine": Options(table="mine.csv")} if corpus == "mine" else {}
    corpora = selected({"ravdess": Options(), corpus: Options(), **table})
    for audio_failure, usable in (("drop", False), ("silence", True)):
        options = build.BuildOptions(**OPTIONS | {"audio_failure": audio_failure, "problems": "stop"})
        manifest = build.build(raw, corpora, options).manifest
        [row] = manifest[manifest["source_path"] == path].to_dict("records")
        assert row["audio_error"] == "the file is empty (0 bytes)"
        assert (row["utterance_id"] in set(schema.usable(manifest)["utterance_id"])) == usable
        assert (row["duration"] == SILENCE_SECONDS) == usable


def test_readable_recording_is_used_instead_of_one_of_zero_bytes(raw):
    name = "03-01-05-02-01-01-02.wav"
    put(raw, f"RAVDESS/Actor_02/{name}", b"")
    speech(raw / f"RAVDESS/copy/{name}")
    dataset = make(raw)
    [row] = dataset.manifest[dataset.manifest["source_path"].str.endswith(name)].to_dict("records")
    assert row["source_path"] == f"RAVDESS/copy/{name}"
    assert dataset.problems["reason"].tolist() == ["empty file (0 bytes): copy or extract it again"]


def test_a_published_test_part_keeps_its_size_if_clips_are_missing(raw):
    put(raw, "MELD/test_sent_emo.csv", MELD + "Hi,Joey,joy,0,0\nHo,Ross,anger,0,1\n,Ross,anger,0,2\n")
    speech(raw / "MELD/test/dia0_utt0.wav")
    dataset = make(raw, ("meld", "ravdess"))
    part = schema.usable(dataset.manifest).query("corpus == 'meld'")
    assert part["audio_ok"].tolist() == [True, False]
    assert part["audio_error"].dropna().tolist() == ["no recording"]
    assert dataset.problems["reason"].tolist() == ["test_dia0_utt2: neither audio nor text"]
    assert "text only" in dataset_tables.failure_table(dataset.manifest)["replaced by"].tolist()


def test_a_segment_beyond_the_end_is_excluded(raw):
    put(raw, "mine.csv", "path,speaker,emotion,start,end\nx.wav,A,joy,0.25,9\nx.wav,A,joy,5,6\n")
    speech(raw / "x.wav", seconds=1.0)
    from mer.params.schema import Corpus as Options

    manifest = build.build(raw, selected({"mine": Options(table="mine.csv")}), build.BuildOptions(**OPTIONS)).manifest
    assert manifest["duration"].tolist()[0] == 0.75
    assert manifest["audio_error"].tolist()[1] == "begins at 5 s of a recording of 1 s"


def test_a_corpus_that_yields_nothing_is_refused_after_the_rest_is_built(raw):
    put(raw, "emodb/wav/notes.wav", b"x")
    dataset = make(raw, ("emodb", "ravdess"))
    assert dataset.empty_corpora == ("emodb",)
    assert len(schema.usable(dataset.manifest)) == 7
    with pytest.raises(build.NoCorpora, match=r"emodb: the folder exists.*\n.*notes\.wav: expected a name"):
        build.refuse_empty(dataset, raw)
    build.refuse_empty(make(raw), raw)


def test_stopping_at_the_first_corpus_with_problems(raw):
    put(raw, "RAVDESS/notes.wav", b"x")
    with pytest.raises(build.DatasetStopped, match=r"RAVDESS/notes\.wav: expected a name"):
        make(raw, problems="stop")


def test_a_label_can_be_the_perceived_one(raw):
    lines = ['"","A","D","F","H","N","S","fileName"']
    for number, (name, heard) in enumerate({"ANG": "6,0,0,0,2,0", "HAP": "0,0,0,1,1,0", "SAD": "0,0,0,0,9,1"}.items()):
        speech(raw / f"CREMA-D/AudioWAV/100{number}_DFA_{name}_XX.wav")
        lines.append(f'"10000{number}",{heard},"100{number}_DFA_{name}_XX"')
    put(raw, "CREMA-D/processedResults/tabulatedVotes.csv", "\n".join(lines))
    manifest = make(raw, ("cremad",), overrides={"cremad": {"all": "perceived"}}).manifest
    assert manifest["emotion_raw"].tolist() == ["ANG", "HAP", "SAD"]
    assert manifest["emotion"].fillna("").tolist() == ["anger", "", "neutral"]
    assert "no answer was the most frequent" in manifest["exclude_reason"][1]
    assert manifest["emotion_vector"][2] == '{"N": 0.9, "S": 0.1}'


def test_split_source_of_a_user_table_is_own():
    known = selected({"mine": Options(table="mine/my.csv", columns={"split": "part"}), "meld": Options()})
    usable = pd.DataFrame({"corpus": ["mine", "meld"], "text_side": pd.NA})
    assert dataset_text.split_rules(known, usable) == {"mine": "its own table", "meld": "its published split"}


def test_split_table_names_the_rule(raw):
    usable = schema.usable(make(raw, text_disjoint=True).manifest)
    known = selected(["ravdess"])
    rules = dataset_text.split_rules(known, usable)
    [row] = dataset_tables.split_table(usable, rules, {"ravdess": "TestA"}).reset_index().to_dict("records")
    assert (row["split by"], row["test set"], row["folds"]) == ("speakers", "TestA", "4")  # one sentence: no sides
    assert row["test"] == "2 of 1 (1/0)" or row["test"].startswith(("1 of 1", "2 of 1"))
    assert np.isin(usable["split"], ["train", "validation", "test"]).all()


def test_a_folder_without_utterances_is_a_problem(tmp_path):
    put(tmp_path, "emodb/notes.txt", b"wav files to come")
    with pytest.raises(build.NoCorpora, match=r"  emodb: nothing in it is of this corpus: http"):
        make(tmp_path, ["emodb"])


def test_unsupported_converted_recordings_are_problems_unless_copies(raw):
    put(raw, "RAVDESS/Actor_02/03-01-05-02-01-01-02.mp3")
    put(raw, "RAVDESS/mp3/03-01-05-01-01-01-02.mp3")
    result = make(raw).problems
    assert result["path"].tolist() == ["RAVDESS/Actor_02/03-01-05-02-01-01-02.mp3"]
    assert result["reason"].tolist() == [".mp3 is not read here: convert it to .wav"]
