"""The command audits published tables, states how it read them, and never ends in a traceback."""

import inspect
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mer import files
from mer.dataset.__main__ import main
from mer.dataset.audit import checks as checks_module
from mer.dataset.audit.copies import near_duplicates, repeated_recordings
from mer.dataset.audit.measures import known_defects, label_errors, measures, quality
from mer.dataset.audit.sentences import revealing_words, transcript_errors
from mer.dataset.audit.sentences import shared_sentences as texts
from mer.dataset.audit.shortcuts import shortcut_findings
from mer.dataset.audit.speakers import families, shared_speakers
from mer.dataset.identity import duplicates
from tests.dataset.audit.manifests import EMOTIONS, again, clean, part
from tests.dataset.audit.recordings import record

PARTS = ("train", "validation", "test")


def recordings_in(folder):
    return folder and checks_module.RecordingFolder(folder, progress=False)


@pytest.fixture
def command(capsys):
    def run(*arguments):
        try:
            code = main(["audit", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        screen = capsys.readouterr()
        assert (code == 2) == (screen.out == "") == (screen.err != "")
        return code, screen.out + screen.err

    return run


def leaking():
    manifest = clean()
    manifest.loc[part(manifest, "east", "test"), ["speaker_id", "session", "dialogue_id", "fold"]] = [
        "east_00",
        *[None] * 3,
    ]
    return manifest


def published(manifest):
    """Return the table with column names of other projects."""
    names = {
        "utterance_id": "key", "corpus": "dataset", "source_path": "wav", "emotion": "emo", "speaker_id": "Spk",
        "split": "Partition", "transcription": "Transcript",
    }  # fmt: skip
    return manifest[list(names)].rename(columns=names)


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        lines = (json.dumps(row, ensure_ascii=False) for row in frame.to_dict("records"))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("shape", [lambda m: m, published], ids=["ours", "theirs"])
def test_every_format_is_read_the_same(command, tmp_path, suffix, shape):
    code, screen = command(write(shape(clean()), tmp_path / f"table{suffix}"))
    assert code == 0, screen
    assert "240 rows of 2 corpora: train 160" in screen
    assert "0 breaches, 0 warnings, 0 notes" in screen
    code, screen = command(write(shape(leaking()), tmp_path / f"table{suffix}"))
    assert code == 1
    assert "breach: speakers across parts, east (1 of 1)" in screen
    assert "Examples: east_00" in screen
    assert screen.rstrip().endswith("1 breach, 0 warnings, 0 notes")


def test_excluded_rows_are_left_out(command, tmp_path):
    manifest = again(clean(), [0], split="test", fold=None, speaker_id=None, session=None, dialogue_id=None)
    assert command(write(manifest, tmp_path / "m.parquet"))[0] == 1
    manifest.loc[240, "exclude_reason"] = "broken"
    code, screen = command(write(manifest, tmp_path / "m.parquet"))
    assert (code, "rows that the table itself excludes: 1" in screen) == (0, True)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_files_of_a_folder_are_the_parts(command, tmp_path, suffix):
    table = published(leaking())
    for word, name in zip(("train", "dev", "test"), PARTS, strict=True):
        rows = table[table["Partition"] == name].drop(columns="Partition")
        write(rows, tmp_path / f"east_{word}_fold_1{suffix}")
    code, screen = command(tmp_path)
    assert (code, "breach: speakers across parts, east (1 of 1)" in screen) == (1, True)
    pair = [f"--part={word}={tmp_path}/east_{word}_fold_1{suffix}" for word in ("train", "test")]
    assert (
        command(*pair) == (1, screen.replace(" validation 40,", "").replace("240 rows", "200 rows"))
        or command(*pair)[0] == 1
    )
    write(table, tmp_path / f"another_test{suffix}")
    code, screen = command(tmp_path)
    assert (code, "another_test" in screen, "--part" in screen) == (2, True, True)


def split_of_a_benchmark(folder, shared):
    """Return a split in the form of a public benchmark, in which only file names give the speaker."""
    chance = np.random.default_rng(0)
    lines = {"train": [], "test": []}
    for speaker in range(10):
        favourite = "NHSA"[speaker % 4]
        for clip in range(40):
            word = "test" if (clip % 4 == 0 if shared else speaker < 3) else "train"
            label = favourite if chance.random() < 0.9 else "NHSA"[clip % 4]
            key = f"urdu-SM{speaker}_F{clip}_{label}0{clip}"
            lines[word].append(
                json.dumps({"key": key, "dataset": "toy", "wav": f"toy/{key}.wav", "emo": label, "length": 2.0})
            )
    for word, rows in lines.items():
        (folder / f"toy_{word}_fold_1.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_shared_speakers_and_the_score_of_the_speaker_rule_are_found(command, tmp_path):
    code, screen = command(split_of_a_benchmark(tmp_path, shared=True), r"--speaker-from=-(S[MF]\d+)_")
    assert code == 1
    assert "breach: speakers across parts, toy (10 of 10)" in screen
    [score] = re.findall(r"scores\s+UAR (0\.\d+)\s+\(chance 0\.250\)", screen)
    assert float(score) > 0.85
    code, screen = command(
        split_of_a_benchmark(tmp_path, shared=False), r"--speaker-from=-(?P<speaker>S[MF]\d+)_F(\d+)"
    )
    assert (code, "0 breaches" in screen) == (0, True)
    code, screen = command(tmp_path)
    assert (code, "Not checked: speakers: the table has no such values" in screen) == (0, True)


def test_columns_can_be_declared_and_joined(command, tmp_path):
    table = leaking().rename(columns={"speaker_id": "who speaks", "source_path": "where, it lies"})
    path = write(table.drop(columns=["session", "fold"]), tmp_path / "table.csv")
    code, screen = command(path)
    assert (code, "Not checked: speakers" in screen) == (0, True)
    code, screen = command(path, "--columns", "speaker=who speaks,dialogue=corpus+split")
    assert (code, "speaker_id = who speaks, dialogue_id = corpus+split" in screen) == (1, True)


def test_running_numbers_are_no_ids(command, tmp_path):
    for word in ("train", "test"):
        numbers = {"Dialogue_ID": [0, 0, 0, 1, 1, 1, 2, 2], "Utterance_ID": [0, 1, 2, 0, 1, 2, 0, 1]}
        lines = [f"{word} line number {number}" for number in range(8)]
        frame = pd.DataFrame({"Utterance": lines, "Speaker": word, "Emotion": "joy", **numbers})
        write(frame, tmp_path / f"{word}_sent_emo.csv")
    code, screen = command(tmp_path)
    assert code == 0, screen
    assert "ids that only number the rows or turns are not used" in screen
    assert "dialogues are numbers, which are assumed to restart in each file" in screen


def test_one_list_under_two_names_is_no_validation(command, tmp_path):
    texts = [f"line number {number} of the list" for number in range(9)]
    files = [write(pd.DataFrame({"text": texts, "emotion": "joy"}), tmp_path / f"{name}.csv") for name in ("a", "b")]
    code, screen = command(f"--part=dev={files[0]}", f"--part=test={files[1]}")
    assert (code, "breach: sentences across parts, " in screen, "selection on the validation part uses" in screen) == (
        1,
        True,
        True,
    )
    code, screen = command(f"--part=dev={files[0]}", f"--part=test={files[0]}")
    assert (code, "breach: validation is test, " in screen) == (1, True)


def test_paths_of_two_corpora_may_be_the_same(command, tmp_path):
    frame = pd.DataFrame({"path": ["1.wav", "2.wav"], "emotion": ["joy", "fear"]})
    path = write(frame, tmp_path / "t.csv")
    code, screen = command(f"--part=a/train={path}", f"--part=b/test={path}")
    assert (code, "0 breaches, 0 warnings" in screen) == (0, True)


def test_times_select_segments_unless_the_column_is_ignored(command, tmp_path):
    frame = pd.DataFrame({"path": "long.wav", "StartTime": ["00:00:01,500", "00:00:03.5"], "split": ["train", "test"]})
    path = write(frame, tmp_path / "t.csv")
    assert command(path)[0] == 0
    code, screen = command(path, "--columns=start=")
    assert (code, "breach: utterance across parts, t (1 of 1)" in screen) == (1, True)


def test_families_of_published_corpora_are_recognised(command, tmp_path):
    files = []
    for corpus, word in (("meld", "train"), ("EmoryNLP", "test")):
        frame = pd.DataFrame({"text": [f"{corpus} says {n}" for n in range(4)], "speaker": corpus, "emotion": "joy"})
        files.append(f"--part={corpus}/{word}={write(frame, tmp_path / f'{corpus}.csv')}")
    code, screen = command(*files)
    assert (code, "breach: family in training and test, EmoryNLP + meld (4 of 4)" in screen) == (1, True)


def test_a_column_of_numbers_for_the_split_holds_folds(command, tmp_path):
    frame = pd.DataFrame(
        {"path": [f"{n}.wav" for n in range(8)], "speaker": list("aabbccda"), "split": [0, 0, 1, 1, 2, 2, 3, 3]}
    )
    code, screen = command(write(frame, tmp_path / "folds.csv"))
    assert (code, "breach: speakers across folds, folds (1 of 4)" in screen) == (1, True)


def test_unknown_parts_are_reported(command, tmp_path):
    frame = pd.DataFrame({"path": ["a.wav", "b.wav"], "speaker": ["a", "b"], "split": ["train", "unlabelled"]})
    code, screen = command(write(frame, tmp_path / "t.csv"))
    assert code == 0
    assert "parts other than train, validation and test are not audited: 'unlabelled'" in screen
    assert "1 of 2 rows have no value" in screen


def test_recordings_are_searched_for_copies_and_unreadable_ones_reported(command, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", rng.normal(scale=0.1, size=32_000), 16_000)
    sound, rate = soundfile.read(tmp_path / "a.wav")
    soundfile.write(tmp_path / "d.wav", sound[4_000:-3_000] / 2, rate)
    soundfile.write(tmp_path / "e.wav", sound, rate)
    frame = pd.DataFrame({"path": [f"{n}.wav" for n in "abcdef"], "speaker": list("abcdef"),
                          "split": ["train", "train", "train", "test", "test", "test"]})  # fmt: skip
    path = write(frame, tmp_path / "t.csv")
    assert command(path)[0] == 0
    code, screen = command(path, "--audio", tmp_path)
    assert code == 1
    assert "breach: same audio across parts, t (1 of 3)" in screen
    assert "breach: near-duplicate across parts, t (1 of 3)" in screen
    assert "recordings that could not be read: 1, for example 'f.wav': does not exist" in screen
    code, screen = command(path, "--audio", tmp_path / "nowhere")
    assert (code, "does not exist" in screen) == (2, True)


def test_a_recording_is_recognised_in_another_file(command, tmp_path):
    (tmp_path / "sound").mkdir()
    noise = np.random.default_rng(0).normal(scale=0.1, size=4_000)  # too short for the search of near-duplicates
    soundfile.write(tmp_path / "sound" / "a.wav", noise[:1_500], 16_000)
    samples, rate = soundfile.read(tmp_path / "sound" / "a.wav")
    soundfile.write(tmp_path / "sound" / "b.flac", -np.pad(samples, (60, 90)), rate)
    soundfile.write(tmp_path / "sound" / "c.wav", noise[1_500:3_000], rate)
    soundfile.write(tmp_path / "outside.wav", samples, rate)
    frame = pd.DataFrame({"path": ["a.wav", "c.wav", "b.flac", "../outside.wav"], "checksum": list("abcd"),
                          "speaker": list("abcd"), "split": ["train", "train", "test", "test"]})  # fmt: skip
    path = write(frame, tmp_path / "t.csv")
    code, screen = command(path)
    assert (code, "Not checked: the same recording in different files" in screen) == (0, True)
    code, screen = command(path, "--audio", tmp_path / "sound")
    assert code == 1
    assert "breach: same audio across parts, t (1 of 2)" in screen  # and nothing outside of the folder is opened


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "empty file"),
        ("t.csv", b"path,speaker\n", "no rows"),
        ("t.csv", b"alpha,beta\n1,2\n", "no column for a path, an id, a speaker or a text among 'alpha', 'beta'"),
        ("t.csv", b'path,speaker\n"a,b\n', "not readable as a table"),
        ("t.csv", b"path,speaker\na,b\nc,d,e,f\n", "not readable as a table"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git-LFS"),
        ("t.parquet", b"PAR1 but no more", "not readable as Parquet"),
        ("t.jsonl", b'{"key": "a"}\n{"key": \n', "line 2: not JSON"),
        ("t.jsonl", b'["key"]\n', "line 1: not an object"),
        ("t.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("t.docx", b"PK", "not one of .parquet"),
    ],
)
def test_an_unusable_table_is_named_with_the_reason(command, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    code, screen = command(tmp_path / name)
    assert code == 2
    assert screen.startswith(f"audit: {tmp_path / name}")
    assert message in screen


def test_wrong_arguments_are_explained(command, tmp_path):
    path = write(published(clean()), tmp_path / "t.csv")
    for arguments, message in {
        (): "--part train=FILE",
        (path, f"--part=train={path}"): "--part train=FILE",
        (tmp_path / "absent.csv",): "the file does not exist",
        ("--part=training.csv",): "write train=FILE",
        (path, "--columns=speaker"): "write OURS=THEIRS",
        (path, "--columns=colour=Spk"): "the audit reads 'utterance_id'",
        (path, "--columns=speaker=Speaker"): "there is no column 'Speaker'; it has 'key'",
        (path, "--speaker-from=(("): "not a regular expression",
        (path, "--speaker-from=xyz"): "matches no id and no path, such as 'east/00_000'",
    }.items():
        code, screen = command(*arguments)
        assert (code, message in screen) == (2, True), screen
    (tmp_path / "empty").mkdir()
    assert "no table" in command(tmp_path / "empty")[1]


def test_a_column_with_as_many_corpora_as_rows_is_refused(command, tmp_path):
    frame = pd.DataFrame({"path": [f"{n}.wav" for n in range(300)], "dataset": range(300)})
    code, screen = command(write(frame, tmp_path / "t.csv"))
    assert (code, "300 corpora" in screen) == (2, True)


def test_names_cannot_control_the_terminal(command, tmp_path):
    manifest = leaking()
    manifest["speaker_id"] = manifest["speaker_id"].str.replace("east_00", "\x1b[2Jeast\u202e")
    code, screen = command(write(manifest, tmp_path / "t.parquet"))
    assert (code, "�[2Jeast�" in screen) == (1, True)
    assert all(letter.isprintable() or letter == "\n" for letter in screen)


NAMES = ("key", "path", "speaker", "label", "split", "fold", "text", "dataset", "family", "start", "session",
         "dialogue_id", "sentence_id", "sha256", "lexical_control", "exclude_reason", "\ud800", "", "what")  # fmt: skip
WORDS = ["train", "test", "dev", "0", "1", "a", "a.wav", "happy", "one two three four five six", "\0", "\ud800"]
CELLS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(WORDS)
    | st.lists(st.integers(), max_size=2)
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from(NAMES), CELLS, max_size=8), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.booleans())
def test_any_lines_of_json_are_audited_or_refused(command, tmp_path, rows, parts):
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    given = [f"--part=train={path}", f"--part=b/test={path}", "--speaker-from=."] if parts else [path]
    assert command(*given)[0] in (0, 1, 2)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from(",;\t|"))
def test_any_table_of_texts_is_audited_or_refused(command, tmp_path, rows, delimiter):
    names = sorted({name for row in rows for name in row})
    lines = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    text = "\n".join(delimiter.join(line) for line in lines)
    (tmp_path / "t.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert command(tmp_path / "t.csv")[0] in (0, 1, 2)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]))
def test_any_bytes_are_audited_or_refused(command, tmp_path, content, suffix):
    (tmp_path / f"t{suffix}").write_bytes(content)
    assert command(tmp_path / f"t{suffix}")[0] in (0, 1, 2)


def test_similar_names_are_reported_until_the_study_identifies_them(command, tmp_path):
    manifest = clean(("east",))
    manifest["speaker_id"] = manifest["speaker_id"].replace({"east_01": "east_Ann", "east_02": "east_ann"})
    code, screen = command(write(published(manifest), tmp_path / "t.csv"))
    assert (code, "breach: speaker under several names, east (2 of 6)" in screen) == (1, True)
    assert "east_Ann = east_ann" in screen
    for suffix in (".parquet", ".csv"):
        assert command(write(manifest.assign(speaker_named=True), tmp_path / f"m{suffix}"))[0] == 0


def test_parts_are_published_unless_the_table_states_another_source(command, tmp_path):
    manifest = leaking().replace({"corpus": {"east": "meld"}})
    manifest.loc[manifest["corpus"] == "meld", ["family", "transcription"]] = ["friends", None]
    code, screen = command(write(manifest, tmp_path / "m.parquet"))
    assert (code, "note: speakers across parts, meld" in screen) == (0, True)
    assert "Remark: meld: assumed to have the published split" in screen
    manifest.loc[manifest["corpus"] == "meld", "split_source"] = "own"
    code, screen = command(write(manifest, tmp_path / "m.parquet"))
    assert (code, "breach: speakers across parts, meld" in screen) == (1, True)
    assert "assumed to have" not in screen


def test_the_command_and_step_01_run_the_same_checks(command, tmp_path):
    """Both find the same and leave the same unchecked, for any inserted fault."""
    manifest = record(leaking(), tmp_path, lambda row: {"gain": -6.0 * EMOTIONS.index(row.emotion)})
    manifest = manifest.assign(language="en", duration=manifest["duration"].astype("Float64"))
    manifest.loc[3, "duration"] = 0.1  # by the manifest, which step 01 believes
    path = write(manifest, tmp_path / "m.parquet")
    clusters = {}
    for folder, more in ((None, ()), (tmp_path, ("--audio", tmp_path))):
        result = checks_module.run_audit(manifest, set(), clusters, recordings_in(folder))
        _, screen = command(path, *more)
        message = re.findall(r"^(breach|warning|note): (.*), (\S.*) \(([\d,]+) of ([\d,]+)\)$", screen, re.MULTILINE)
        ours = [(f.severity, f.kind, f.corpora, f"{f.count:,}", f"{f.total:,}") for f in result.findings]
        assert message == ours
        assert {"speakers across parts", "very short clip"} <= {f.kind for f in result.findings}
        assert ("loudness shortcut" in {f.kind for f in result.findings}) == bool(more)
        for what in result.unchecked:
            assert f"Not checked: {what}." in screen
    page = json.loads((files.ROOT / "notebooks" / "01_build_dataset.ipynb").read_text(encoding="utf-8"))
    code = "".join("".join(cell["source"]) for cell in page["cells"] if cell["cell_type"] == "code")
    assert code.count("checks.run_audit(") == 1
    others = r"find_leaks|find_faults|measure_recordings|find_near_duplicates|shortcut_scores"
    assert not re.search(others, code), "a check that the command lacks"


def test_every_check_is_in_the_one_list(monkeypatch, tmp_path):
    """Every public check of the audit's modules is called."""
    called = set()
    modules = (
        families,
        shared_speakers,
        repeated_recordings,
        texts,
        revealing_words,
        quality,
        label_errors,
        transcript_errors,
        known_defects,
        shortcut_findings,
    )
    checks = {
        (module.__name__, name)
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        and str(inspect.signature(function).return_annotation).endswith("Iterator[mer.dataset.audit.findings.Finding]")
    }  # fmt: skip
    assert len(checks) > 15
    for module, name in checks:
        place = sys.modules[module]
        known = getattr(place, name)

        def noted(*given, known=known, key=(module, name), **named):
            called.add(key)
            return known(*given, **named)

        for user in (place, checks_module):
            if getattr(user, name, None) is known:
                monkeypatch.setattr(user, name, noted)
    heard = pd.DataFrame(0.0, clean().index, list(measures.COLUMNS)).assign(error=None, complete_share=1.0)
    monkeypatch.setattr(checks_module, "measure_recordings", lambda *given, **named: heard)
    monkeypatch.setattr(
        checks_module,
        "find_near_duplicates",
        lambda *_: near_duplicates.NearDuplicates(duplicates.NO_DUPLICATES, pd.DataFrame()),
    )
    checks_module.run_audit(clean(), set(), {}, recordings_in(tmp_path))
    assert checks == called


def test_unchecked_items_are_listed(command, tmp_path):
    manifest = record(clean(("east",)), tmp_path)
    assert checks_module.run_audit(manifest, set(), {}, recordings_in(tmp_path)).unchecked == []
    [untold] = checks_module.run_audit(manifest, set(), {}).unchecked  # how long clips are is known, and scored
    assert "need --audio FOLDER" in untold
    (tmp_path / manifest.loc[0, "source_path"]).unlink()
    message = checks_module.run_audit(manifest.drop(columns="duration"), set(), {}, recordings_in(tmp_path)).unchecked
    assert "faults, copies and shortcuts: 1 of 120 recordings could not be measured" in message
    bare = manifest.drop(columns=["duration"]).assign(split=None, fold=None)
    message = checks_module.run_audit(bare, set(), {}).unchecked
    assert any(what.startswith("durations") for what in message)
    assert any(what.startswith("shortcuts within east") for what in message)


def test_durations_in_another_unit_and_names_of_languages_are_ignored(command, tmp_path):
    manifest = clean(("east",)).assign(language="English", duration=2_000.0)
    code, screen = command(write(manifest, tmp_path / "m.csv"))
    assert code == 0
    assert "very long clip" not in screen
    assert "Not checked: durations" in screen
