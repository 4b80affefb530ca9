"""User-defined corpora: a table and a few lines of YAML."""

import json

import pandas as pd
import pytest
from pydantic import ValidationError

from mer.corpora import Problem, Utterance, parsers, selected
from mer.dataset.audit import checks
from mer.dataset.manifest import build, schema
from mer.params.schema import Corpus as Options
from tests.corpora.trees import put, speech

OPTIONS = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 5}
OPTIONS |= {"min_seconds": 0.1, "max_seconds": 30.0}


def read(raw, **options):
    corpus = selected({"mine": Options(**{"table": "mine/my.csv"} | options)})["mine"]
    return list(parsers.parse(corpus, raw, corpus.find(raw)))


def rows(raw, **options):
    result = read(raw, **options)
    assert all(isinstance(row, Utterance) for row in result), result
    return result


def problems_of(raw, **options):
    return [(row.line, row.reason) for row in read(raw, **options) if isinstance(row, Problem)]


def test_table_with_common_names_needs_no_options(tmp_path):
    put(tmp_path, "mine/a b/1.wav")
    put(tmp_path, "mine/my.csv", "File,Speaker,Emotion,Text,Sex,Age\na b/1.wav,Ann,happy,Hallo,F,31\n")
    assert rows(tmp_path) == [
        Utterance(
            name="mine/a b/1.wav",
            path="mine/a b/1.wav",
            speaker="Ann",
            emotion_raw="happy",
            gender="female",
            age=31,
            transcription="Hallo",
            text_source="human",
        )
    ]


def test_declared_columns_labels_sessions_and_parts_are_used(tmp_path):
    put(tmp_path, "audio/x.flac")
    put(
        tmp_path,
        "mine/my.csv",
        "wer;was;datei;teil;tag;von;bis\nA;Wut;x.flac;Dev;d1;0,5;2\nA;Wut;x.flac;train;d1;2;3.5\n",
    )
    columns = {"speaker": "wer", "emotion": "was", "path": "datei", "split": "teil", "session": "tag", "start": "von"}
    columns |= {"end": "bis"}
    options = {"columns": columns, "labels": {"Wut": "angry"}, "audio": "audio", "language": "de", "family": "f"}
    assert [line for line, _ in problems_of(tmp_path, **options)] == [2]  # 0,5 is no number
    [row] = [row for row in read(tmp_path, **options) if isinstance(row, Utterance)]
    assert (row.name, row.start, row.end) == ("audio/x.flac@2.0-3.5", 2.0, 3.5)
    assert (row.split_official, row.session, row.language, row.emotion_raw) == ("train", "d1", "de", "Wut")
    corpus = selected({"mine": Options(table="mine/my.csv", **options)})["mine"]
    assert corpus.emotions["Wut"] == "anger"
    assert (corpus.official_splits, corpus.split_by_session, corpus.family) == (True, True, "f")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("../../etc/passwd,A,happy", "leads out"),
        ("/etc/passwd,A,happy", "leads out"),
        ("C:\\x.wav,A,happy", "leads out"),
        (",A,happy", "leads out"),
        ("gone.wav,A,happy", "no such file below mine/"),
        ("1.wav,A,furious", "unknown label 'furious': add it to corpora.mine.labels"),
        ("1.wav,,happy", "no speaker"),
        ("1.wav,A", "expected 3 columns, found 2"),
    ],
)
def test_each_invalid_line_is_reported_with_its_number(tmp_path, line, reason):
    put(tmp_path, "mine/1.wav")
    put(tmp_path, "mine/my.csv", f"path,speaker,emotion\n1.wav,B,sad\n{line}\n")
    [(number, said)] = problems_of(tmp_path)
    assert number == 3
    assert reason in said


def test_recording_listed_twice_is_reported(tmp_path):
    put(tmp_path, "mine/1.wav")
    put(tmp_path, "mine/my.csv", "path,speaker,emotion\n1.wav,B,sad\n./1.wav,B,sad\n")
    assert problems_of(tmp_path) == [(3, "mine/1.wav: listed a second time")]


@pytest.mark.parametrize(
    ("header", "options", "reason"),
    [
        ("path,emotion", {}, "no column is recognised as speaker: name it under columns or give speaker_pattern"),
        ("datei,speaker,emotion", {}, "no column is recognised as path"),
        ("path,speaker,emotion", {"columns": {"text": "words"}}, "there is no column 'words' (columns.text)"),
    ],
)
def test_missing_column_is_reported_once(tmp_path, header, options, reason):
    put(tmp_path, "mine/my.csv", f"{header}\na,b,c\nd,e,f\n".replace("a,b,c", ",".join("x" * len(header.split(",")))))
    [(_, said)] = [item for item in problems_of(tmp_path, **options) if "expected" not in item[1]]
    assert reason in said


def test_labels_of_a_study_take_precedence_over_common_words(tmp_path):
    for name in "123":
        put(tmp_path, f"mine/{name}.wav")
    put(tmp_path, "mine/my.csv", "path,speaker,emotion\n1.wav,A,Wut\n2.wav,A,angry\n3.wav,A,sad\n")
    corpus = selected({"mine": Options(table="mine/my.csv", labels={"Wut": "Angry", "sad": "other"})})["mine"]
    labels = [corpus.emotions[row.emotion_raw] for row in parsers.parse(corpus, tmp_path, tmp_path)]
    assert labels == ["anger", "anger", "other"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,speaker,emotion,emotion\n1.wav,A,sad,happy\n", "column emotion is in the header twice"),
        ("path,speaker,emotion,heard,text\n1.wav,A,,happy,Ja, klar\n", "expected 5 columns, found 6"),
        ("path,speaker,emotion\n1.wav,A,\n", "no label"),
        ("path,speaker,emotion\n", "no rows"),
        ("\n\n", "no rows"),
        ("PK\x03\x04 and so on", "a spreadsheet"),
    ],
)
def test_ambiguous_or_unknown_label_is_reported(tmp_path, text, reason):
    put(tmp_path, "mine/1.wav")
    put(tmp_path, "mine/my.csv", text)
    [(_, said)] = problems_of(tmp_path)
    assert said.startswith(reason)
    assert len(read(tmp_path)) == 1


def test_trailing_separators_and_old_line_ends_are_no_cells(tmp_path):
    put(tmp_path, "mine/1.wav")
    put(tmp_path, "mine/my.csv", "path;speaker;emotion;text\r1.wav;A;sad;a, b, c, d;;\r")
    assert [row.transcription for row in rows(tmp_path)] == ["a, b, c, d"]


def test_line_of_json_without_a_label_is_left_out(tmp_path):
    lines = [{"path": f"{n}.wav", "speaker": "A", "emotion": "sad", "text": "a\u2028b\x85c"} for n in range(3)]
    del lines[0]["emotion"]
    for n in range(3):
        put(tmp_path, f"mine/{n}.wav")
    put(tmp_path, "mine/my.jsonl", "\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    problem, *result = sorted(read(tmp_path, table="mine/my.jsonl"), key=lambda row: isinstance(row, Utterance))
    assert (problem.line, "no column is recognised as emotion" in problem.reason) == (1, True)
    assert [(row.path, row.transcription) for row in result] == [
        ("mine/1.wav", lines[1]["text"]),
        ("mine/2.wav", lines[2]["text"]),
    ]


def test_json_lines_with_a_speaker_in_the_name_are_read(tmp_path):
    put(tmp_path, "mine/downloads/emodb/03a01Fa.wav")
    line = {"key": "k", "wav": "downloads/emodb/03a01Fa.wav", "emo": "Happy", "length": 1.9, "channel": 1}
    put(tmp_path, "mine/my.jsonl", json.dumps(line) + "\n\n[1]\nnot json\n")
    options = {"table": "mine/my.jsonl", "speaker_pattern": r"/(\d\d)"}
    [result, *problems] = read(tmp_path, **options)
    assert (result.speaker, result.emotion_raw) == ("03", "Happy")
    assert [(p.line, p.reason) for p in problems] == [(3, "expected one JSON object per line"), (4, problems[1].reason)]


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_audformat_database_is_read(tmp_path, storage):
    header = """
name: mine
schemes:
  emotion: {dtype: str, labels: [anger, happiness]}
  speaker: {dtype: str, labels: {'3': {gender: male, age: 31}}}
  who: {dtype: str, labels: people}
tables:
  emotion: {type: segmented, columns: {emotion: {scheme_id: emotion}}}
  files: {type: filewise, columns: {speaker: {scheme_id: speaker}, other: {scheme_id: who}}}
  gone: {type: filewise, columns: {}}
misc_tables:
  people: {}
"""
    put(tmp_path, "mine/db.yaml", header)
    put(tmp_path, "mine/wav/a.wav")
    tables = {
        "emotion": [
            ("wav/a.wav", "0 days 00:00:00", "0 days 00:00:01.5", "anger"),
            ("wav/a.wav", "0 days 00:00:02", "", "happiness"),
        ],
        "files": [("wav/a.wav", "3", "p")],
        "people": [("p", "xy")],
    }
    names = {
        "emotion": ["file", "start", "end", "emotion"],
        "files": ["file", "speaker", "other"],
        "people": ["who", "language"],
    }
    for name, content in tables.items():
        frame = pd.DataFrame(content, columns=names[name])
        path = tmp_path / f"mine/db.{name}.{storage}"
        frame.to_csv(path, index=False) if storage == "csv" else frame.to_parquet(path)
    *problems, first, second = sorted(read(tmp_path, table="mine/db.yaml"), key=lambda row: isinstance(row, Utterance))
    assert [p.reason for p in problems] == [
        "table gone: neither db.gone.csv nor db.gone.parquet is there; other formats are not read"
    ]
    assert (first.emotion_raw, first.start, first.end, first.gender, first.age) == ("anger", 0.0, 1.5, "male", 31)
    assert (second.emotion_raw, second.start, second.end, second.language) == ("happiness", 2.0, None, "xy")


def test_audformat_database_with_unlisted_files_is_read(tmp_path):
    put(tmp_path, "mine/db.yaml", "tables: {files: {}, emotion: {}}")
    for name in "abc":
        put(tmp_path, f"mine/{name}.wav")
    put(tmp_path, "mine/db.files.csv", "file,speaker\na.wav,NA\nb.wav,None\nc.wav,x\n")
    put(tmp_path, "mine/db.emotion.csv", "file,emotion\nb.wav,sad\nc.wav,odd\n")
    result = read(tmp_path, table="mine/db.yaml")
    assert [(row.path, row.speaker) for row in result if isinstance(row, Utterance)] == [("mine/b.wav", "None")]
    assert [(p.path, p.line, p.reason) for p in result if isinstance(p, Problem)] == [
        ("mine/db.files.csv", 2, "no label"),
        ("mine/db.files.csv", 4, "unknown label 'odd': add it to corpora.mine.labels"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": ""}, "at least 1 character"),
        ({"table": "C:/x.csv"}, "below data.raw"),
        ({"table": "C:x.csv"}, "below data.raw"),
        ({"table": "\\\\server\\share\\x.csv"}, "below data.raw"),
        ({"language": "de"}, "name its `table`"),
        ({"table": "/x.csv"}, "below data.raw"),
        ({"table": "a/../../x.csv"}, "below data.raw"),
        ({"table": "x.csv", "speaker_pattern": "("}, "not a regular expression"),
        ({"table": "x.csv", "speaker_pattern": "a"}, "one group"),
        ({"table": "x.csv", "columns": {"who": "x"}}, "columns"),
    ],
)
def test_contradictory_options_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        Options(**options)


def test_user_defined_corpus_becomes_a_manifest(tmp_path):
    lines = ["path,speaker,emotion"]
    for speaker in range(5):
        for take, emotion in enumerate(["joy", "anger", "boredom"]):
            speech(tmp_path / f"mine/s{speaker}_{take}.wav", seconds=0.5 + take)
            lines.append(f"s{speaker}_{take}.wav,s{speaker},{emotion}")
    put(tmp_path, "mine/my.csv", "\n".join(lines))
    known = selected({"mine": Options(table="mine/my.csv", licence="ours", citation="me")})
    dataset = build.build(tmp_path, known, build.BuildOptions(**OPTIONS))
    usable = schema.usable(dataset.manifest)
    assert len(usable) == 10
    assert set(usable["emotion"]) == {"happiness", "anger"}
    assert set(usable["license"]) == {"ours"}
    assert usable.groupby("speaker_id")["fold"].nunique().eq(1).all()
    assert dataset.manifest["exclude_reason"].dropna().unique().tolist() == ["label 'boredom' is dropped by the policy"]


def build_of(raw, **options):
    known = selected({"mine": Options(table="mine/my.csv", **options)})
    return build.build(raw, known, build.BuildOptions(**OPTIONS))


def clips_of(raw, *speakers, parts=None):
    """Six clips by each, under the names that a table gives, one name after the other."""
    lines = ["file,speaker,emotion" + (",part" if parts else "")]
    for number, names in enumerate(speakers):
        for clip in range(6):
            speech(raw / f"mine/{number}_{clip}.wav")
            part = f",{parts[clip % len(parts)]}" if parts else ""
            lines.append(f'{number}_{clip}.wav,"{names[clip % len(names)]}",{("angry", "sad")[clip % 2]}{part}')
    put(raw, "mine/my.csv", "\n".join(lines) + "\n")


def asked(manifest):
    rows = schema.usable(manifest)
    return {(f.severity, f.kind) for f in checks.find_leaks(rows, {"mine"}) if "name" in f.kind or "speaker" in f.kind}


ASKED = {("breach", "speaker under several names")}


def test_equal_looking_names_are_one_speaker_and_similar_ones_are_reported(tmp_path):
    clips_of(tmp_path, ["anna", "anna\u200b"], ["Bén", "Be\u0301n"], ["eve x", "eve  x"], ["1", "01"], ["dan"])
    manifest = build_of(tmp_path).manifest
    assert set(manifest["speaker_id"]) == {"mine_anna", "mine_Bén", "mine_eve x", "mine_1", "mine_01", "mine_dan"}
    clips = manifest["source_path"].str[5]
    assert manifest.groupby(clips)[["split", "fold"]].nunique().eq(1).all(axis=None)
    assert asked(manifest) == ASKED


@pytest.mark.parametrize(
    ("said", "speakers", "together"),
    [
        ({"01": "1"}, {"1"}, True),
        ({"01": "one", "1": "one"}, {"one"}, True),
        ({"01": "01", "1": "1"}, {"01", "1"}, False),
        ({"01": "Ann", "1": "Bob"}, {"Ann", "Bob"}, False),
    ],
)
def test_declared_speakers_are_used(tmp_path, said, speakers, together):
    clips_of(tmp_path, ["1", "01"], ["dan"], ["eve"], ["fay"], ["gus"])
    manifest = build_of(tmp_path, speakers=said).manifest
    first = manifest[manifest["source_path"].str[5] == "0"]
    assert set(first["speaker_id"]) == {f"mine_{name}" for name in speakers}
    assert (first["fold"].nunique() == 1) == together
    assert asked(manifest) == set()


@pytest.mark.parametrize(
    ("said", "folds", "finding"),
    [
        ({}, 1, ASKED),
        ({"anna;guest": ["anna", "guest"]}, 1, set()),
        ({"anna;guest": "anna"}, 1, set()),
        ({"anna;guest": "the choir", "anna": "anna"}, 2, set()),
    ],
)
def test_joint_speakers_belong_to_each_of_them(tmp_path, said, folds, finding):
    clips_of(tmp_path, ["anna", "anna;guest"], ["dan"], ["eve"], ["fay"], ["gus"])
    manifest = build_of(tmp_path, speakers=said).manifest
    assert manifest.loc[manifest["source_path"].str[5] == "0", "fold"].nunique() == folds
    assert asked(manifest) == finding


def test_declared_speaker_that_is_absent_is_reported(tmp_path):
    clips_of(tmp_path, ["anna"], ["dan"])
    reasons = [reason for _, reason in problems_of(tmp_path, speakers={"hanna": "anna", "dan": "dan"})]
    assert reasons == ["corpora.mine.speakers names 'hanna', who is not in the table"]
    with pytest.raises(ValidationError, match="names no speaker"):
        Options(table="x.csv", speakers={"ann": []})


def test_split_of_a_user_table_is_used_and_is_not_published(tmp_path):
    clips_of(tmp_path, ["anna"], ["bob"], ["dan"], parts=("train", "dev", "test"))
    manifest = build_of(tmp_path, columns={"split": "part"}).manifest
    assert set(manifest["split"]) == {"train", "validation", "test"}
    assert set(manifest["split_source"]) == {"own"}
    assert asked(manifest) == {("breach", "speakers across parts")}
    meld = manifest.replace({"corpus": {"mine": "meld"}})  # by a name that has a published one
    rows = schema.usable(meld)
    assert [f.severity for f in checks.find_leaks(rows, {"meld"}) if f.kind == "speakers across parts"] == ["breach"]
