"""AudioFolders and Parquet files of the Hugging Face hub as corpora of one's own."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from mer.corpora import __main__ as command
from mer.corpora.corpus import Problem
from mer.corpora.own import check, parser, tables, unpack
from mer.corpora.own import corpus as own
from mer.params.schema import Corpus as CorpusParameters


def sound(kind="WAV", seed=0):
    """The bytes of a recording of a tenth of a second."""
    buffer = io.BytesIO()
    samples = np.random.default_rng(seed).normal(0, 0.1, 1600)
    soundfile.write(buffer, samples, 16_000, format=kind)
    return buffer.getvalue()


def read(raw, **parameters):
    """The utterances and the problems of a corpus."""
    items = list(parser.parse(own.corpus("mine", CorpusParameters(**parameters)), raw))
    return [item for item in items if not isinstance(item, Problem)], [i for i in items if isinstance(i, Problem)]


def put(path, data=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sound() if data is None else data)


def write_list(path, table):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_audiofolder_with_a_list_is_read(tmp_path, kind):
    rows = [{"file_name": "a/1.wav", "emotion": "angry", "speaker_id": "s1"},
            {"file_name": "2.wav", "emotion": "sad", "speaker_id": "s2"}]  # fmt: skip
    for row in rows:
        put(tmp_path / "mine/train" / row["file_name"])
    put(tmp_path / "mine/test/3.wav")
    for part, own_rows in (("train", rows), ("test", [rows[0] | {"file_name": "3.wav"}])):
        write_list(tmp_path / f"mine/{part}/metadata.{kind}", pd.DataFrame(own_rows))
    utterances, problems = read(tmp_path, table="mine", columns={"split": "split"})
    assert problems == []
    assert {(one.path, one.emotion_raw, one.speaker, one.split_official) for one in utterances} == {
        ("mine/train/a/1.wav", "angry", "s1", "train"), ("mine/train/2.wav", "sad", "s2", "train"),
        ("mine/test/3.wav", "angry", "s1", "test"),
    }  # fmt: skip


def test_audiofolder_without_a_list_has_labels_from_folders(tmp_path):
    for place in ("train/angry/s1_1.wav", "train/sad/s2_1.wav", "test/angry/s3_1.wav", "test/s4_1.wav"):
        put(tmp_path / "mine" / place)
    put(tmp_path / "mine/README.md", b"x")
    utterances, problems = read(tmp_path, table="mine/", speaker_pattern="(s[0-9]+)_", columns={"split": "split"})
    assert {(one.path, one.emotion_raw, one.speaker, one.split_official) for one in utterances} == {
        ("mine/train/angry/s1_1.wav", "angry", "s1", "train"), ("mine/train/sad/s2_1.wav", "sad", "s2", "train"),
        ("mine/test/angry/s3_1.wav", "angry", "s3", "test"),
    }  # fmt: skip
    [problem] = problems
    assert problem.reason == "no label"
    corpus = own.corpus("mine", CorpusParameters(table="mine", speaker_pattern="(s[0-9]+)_"))
    assert corpus.find(tmp_path) == tmp_path / "mine"
    assert check.check(corpus, tmp_path).labels == {"angry": 2, "sad": 1}
    assert check.table_fault(corpus, tmp_path) is None
    assert "speaker_pattern" in check.table_fault(own.corpus("mine", CorpusParameters(table="mine")), tmp_path)


def hub_table(path, rows, labels=None):
    """Write a Parquet file as the package datasets does."""
    schema = pa.schema([("file_id", pa.string()), ("audio", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
                        ("emotion", pa.int64() if labels else pa.string()), ("speaker_id", pa.string()),
                        ("transcription", pa.string()), ("dataset", pa.string())])  # fmt: skip
    if labels:
        features = {"emotion": {"names": labels, "_type": "ClassLabel"}, "audio": {"_type": "Audio"}}
        schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def cameo(n, **more):
    return {"file_id": f"x-{n}.wav", "audio": {"bytes": sound(seed=n), "path": f"x-{n}.wav"}, "emotion": "anger",
            "speaker_id": f"s{n}", "transcription": "- Oh, no!", "dataset": "CaFE"} | more  # fmt: skip


def test_recordings_of_the_hub_become_a_corpus_for_each_data_set(tmp_path, capsys):
    hub_table(tmp_path / "hub/data/test-00000-of-00002.parquet", [cameo(0), cameo(1, dataset="n EMO/2")])
    flac, other = {"bytes": sound("FLAC"), "path": "../../x-0.wav"}, {"bytes": sound(seed=3), "path": "x-0.wav"}
    rows = [cameo(0, audio=flac), cameo(0, audio=other), cameo(4, audio=None)]
    hub_table(tmp_path / "hub/data/test-00001-of-00002.parquet", rows)
    out = tmp_path / "raw/cameo"
    assert command.main(["unpack", str(tmp_path / "hub"), str(out)]) == 0
    printed = capsys.readouterr().out
    assert "3 recordings, 1 rows without a recording" in printed
    assert "cameo_cafe: {table: cameo/CaFE/metadata.jsonl}" in printed
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "CaFE/audio/x-0-2.wav", "CaFE/audio/x-0.flac", "CaFE/audio/x-0.wav", "CaFE/metadata.jsonl",
        "n_EMO_2/audio/x-1.wav", "n_EMO_2/metadata.jsonl",
    ]  # fmt: skip
    assert (out / "CaFE/audio/x-0.wav").read_bytes() == sound(seed=0)
    utterances, problems = read(tmp_path / "raw", table="cameo/CaFE/metadata.jsonl")
    assert len(utterances) == 3
    assert len(problems) == 1
    assert {(one.emotion_raw, one.transcription) for one in utterances} == {("anger", "- Oh, no!")}
    assert command.main(["unpack", str(tmp_path / "hub"), str(out)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_class_numbers_become_names_and_embedded_recordings_are_not_read_in_place(tmp_path):
    hub_table(tmp_path / "raw/x.parquet", [cameo(0, emotion=1), cameo(1, emotion=0)], ["sadness", "anger"])
    _, [problem] = read(tmp_path / "raw", table="x.parquet")
    assert "python -m mer.corpora unpack x.parquet" in problem.reason
    corpus = own.corpus("mine", CorpusParameters(table="x.parquet"))
    assert "unpack" in check.table_fault(corpus, tmp_path / "raw")
    [written] = unpack.unpack([tmp_path / "raw/x.parquet"], tmp_path / "raw/x")
    assert written.recordings == 2
    utterances, _ = read(tmp_path / "raw", table="x/CaFE/metadata.jsonl")
    assert [one.emotion_raw for one in utterances] == ["anger", "sadness"]


def test_folder_of_packed_files_says_how_to_unpack_it(tmp_path):
    hub_table(tmp_path / "raw/hub/data/test.parquet", [cameo(0)])
    _, [problem] = read(tmp_path / "raw", table="hub")
    assert "python -m mer.corpora unpack hub" in problem.reason


def test_file_that_is_no_parquet_is_named_and_leaves_nothing_behind(tmp_path, capsys):
    put(tmp_path / "raw/x.parquet", b"PAR1 no")
    _, [problem] = read(tmp_path / "raw", table="x.parquet")
    assert "not readable as Parquet" in problem.reason
    assert command.main(["unpack", str(tmp_path / "raw/x.parquet"), str(tmp_path / "raw/out")]) == 2
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["x.parquet"]
    assert command.main(["unpack", str(tmp_path / "nothing.parquet"), str(tmp_path / "raw/out")]) == 2
    pd.DataFrame({"file": ["a.wav"], "emotion": ["sad"]}).to_parquet(tmp_path / "raw/plain.parquet")
    assert command.main(["unpack", str(tmp_path / "raw/plain.parquet"), str(tmp_path / "raw/out")]) == 2
    assert "no column holds recordings" in capsys.readouterr().err


def test_plain_parquet_is_a_table(tmp_path):
    put(tmp_path / "mine/a.wav")
    table = pd.DataFrame({"file": ["a.wav"], "emotion": ["sad"], "speaker": ["s"], "age": pd.array([None], "Int64")})
    table.to_parquet(tmp_path / "mine/x.parquet")
    [utterance], problems = read(tmp_path, table="mine/x.parquet")
    assert (utterance.path, utterance.emotion_raw, utterance.age, problems) == ("mine/a.wav", "sad", None, [])
    assert [row.line for row in tables.rows(tmp_path, tmp_path / "mine/x.parquet")] == [1]
