"""Lost utterances are counted and reported, and too many stop the build."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer import corpora
from mer.dataset.audit import checks
from mer.dataset.manifest import build, lost_utterances, schema
from mer.params.schema import Corpus

EMOTIONS = ("anger", "happiness", "sadness", "fear")


def user_corpus(folder, rows, **options):
    """Return a user-defined corpus with recordings for the rows whose file name does not begin with `no_`."""
    place = folder / "mine"
    for number, (name, *_) in enumerate(rows):
        path = place / name
        if not path.name.startswith("no_"):
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng(number).normal(0, 0.1, 4000), 16_000)
    lines = ["file,speaker,emotion", *(",".join(row) for row in rows)]
    (place / "my.csv").write_text("\n".join(lines), encoding="utf-8")
    return built(folder, **options)


def built(folder, **options):
    known = corpora.selected({"mine": Corpus(table="mine/my.csv", **options)})
    splits = {"seed": 1, "validation": 0.1, "test": 0.1, "folds": 5, "min_seconds": 0.1, "max_seconds": 30.0}
    dataset = build.build(folder, known, build.BuildOptions(policy="paper7", overrides={}, **splits))
    return dataset, lost_utterances.count_lost(dataset.manifest, dataset.problems)


def rows(lost=(), speakers=4, clips=2):
    """Return rows of every emotion; the files of some emotions do not exist."""
    return [
        (f"{'no_' if emotion in lost else ''}{speaker}_{emotion}_{clip}.wav", f"s{speaker}", emotion)
        for speaker in range(speakers)
        for emotion in EMOTIONS
        for clip in range(clips)
    ]


def test_nothing_is_lost(tmp_path):
    dataset, lost = user_corpus(tmp_path, rows())
    assert lost.empty
    assert lost_utterances.sentences(lost, dataset.manifest) == []
    lost_utterances.stop_if_too_many(lost, dataset.manifest, 0.0)


def test_a_lost_class_stops_the_build(tmp_path):
    dataset, lost = user_corpus(tmp_path, rows(lost=["fear", "anger"]))
    assert lost["count"].sum() == 16
    assert set(lost["emotion"]) == {"fear", "anger"}
    said = lost_utterances.sentences(lost, dataset.manifest)[0]
    assert said.startswith("16 of 32 utterances of `mine` are lost: no such file below mine/ (16)")
    assert "no clip of anger or fear is left; nearest file: " in said
    with pytest.raises(lost_utterances.TooManyLost, match="no clip of anger or fear is left") as caught:
        lost_utterances.stop_if_too_many(lost, dataset.manifest, 0.9)
    assert "data.max_lost=1" in str(caught.value)
    lost_utterances.stop_if_too_many(lost, dataset.manifest, 1.0)
    [finding] = lost_utterances.findings(lost, dataset.manifest)
    assert (finding.count, finding.total, finding.severity) == (16, 32, "breach")


def test_more_than_a_tenth_stops_the_build(tmp_path):
    few = [*rows(clips=5), *((f"no_{n}.wav", "s1", "fear") for n in range(8))]
    dataset, lost = user_corpus(tmp_path, few)
    lost_utterances.stop_if_too_many(lost, dataset.manifest, 0.1)  # 8 of 88
    with pytest.raises(lost_utterances.TooManyLost, match="8 of 88 utterances"):
        lost_utterances.stop_if_too_many(lost, dataset.manifest, 0.09)
    [finding] = lost_utterances.findings(lost, dataset.manifest)
    assert finding.severity == "warning"


def test_an_unknown_label_is_a_lost_class(tmp_path):
    strange = [*rows(), ("0_angst.wav", "s0", "Angst<b>"), ("1_angst.wav", "s1", "Angst<b>")]
    dataset, lost = user_corpus(tmp_path, strange)
    assert "no clip of Angst<b> is left" in lost_utterances.sentences(lost, dataset.manifest)[0]
    dataset, lost = built(tmp_path, labels={"Angst<b>": "other"})  # of no class: decided, and not lost
    assert lost.empty


def test_duplicate_and_dropped_rows_are_not_lost(tmp_path):
    _, lost = user_corpus(tmp_path, [*rows(), rows()[0], ("no_1.wav", "s0", "boredom")], labels={"boredom": "boredom"})
    assert lost.empty


def test_unreadable_recordings_are_lost(tmp_path):
    user_corpus(tmp_path, rows())
    for path in (tmp_path / "mine").glob("*fear*.wav"):
        path.write_bytes(b"RIFF no recording")
    dataset, lost = built(tmp_path)
    assert lost["emotion"].unique().tolist() == ["fear"]
    with pytest.raises(lost_utterances.TooManyLost, match="no clip of fear is left"):
        lost_utterances.stop_if_too_many(lost, dataset.manifest, 0.5)


def test_lost_recordings_of_a_known_corpus_keep_their_class(tmp_path):
    folder = tmp_path / "emodb" / "wav"
    folder.mkdir(parents=True)
    for speaker in ("03", "08", "09", "10"):
        for letter in "WFNT":
            path = folder / f"{speaker}a01{letter}a.wav"
            soundfile.write(path, np.random.default_rng(len(letter)).normal(0, 0.1, 4000), 16_000)
            if letter == "W":
                path.write_bytes(b"")
    known = corpora.selected({"emodb": Corpus()})
    splits = {"seed": 1, "validation": 0.1, "test": 0.1, "folds": 5, "min_seconds": 0.1, "max_seconds": 30.0}
    dataset = build.build(tmp_path, known, build.BuildOptions(policy="paper7", overrides={}, **splits))
    lost = lost_utterances.count_lost(dataset.manifest, dataset.problems)
    assert lost_utterances.sentences(lost, dataset.manifest)[0].startswith(
        "4 of 16 utterances of `emodb` are lost: the file is empty"
    )
    with pytest.raises(lost_utterances.TooManyLost, match="no clip of anger is left"):
        lost_utterances.stop_if_too_many(lost, dataset.manifest, 0.5)


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("x.wav", "x.WAV"),
        ("03_happy/x.wav", "03_Happy/X.wav"),
        ("über.wav", "u\u0308ber.wav"),
        ("STRASSE.wav", "straße.wav"),
    ],
)
def test_names_of_files_match_without_regard_to_case(tmp_path, written, there):
    table = [(there, "s0", "anger"), *rows()]
    user_corpus(tmp_path, table)
    text = (tmp_path / "mine/my.csv").read_text(encoding="utf-8").replace(there, written, 1)
    (tmp_path / "mine/my.csv").write_text(text, encoding="utf-8")
    dataset, lost = built(tmp_path)
    assert lost.empty
    assert f"mine/{there}" in set(dataset.manifest["source_path"])


def test_an_ambiguous_file_name_is_not_matched(tmp_path):
    _, lost = user_corpus(tmp_path, [("A.wav", "s0", "anger"), ("a.wav", "s1", "anger"), *rows()])
    assert lost.empty  # each as it is written
    text = (tmp_path / "mine/my.csv").read_text(encoding="utf-8").replace("A.wav", "a.WAV", 1)
    (tmp_path / "mine/my.csv").write_text(text, encoding="utf-8")
    _, lost = built(tmp_path)
    assert lost["example"].tolist() == ["mine/my.csv, line 2: no such file below mine/: a.WAV (nearest: A.wav)"]


def test_the_nearest_file_name_is_reported(tmp_path):
    _, lost = user_corpus(tmp_path, [("03 Happy/x-1.wav", "s0", "anger"), *rows()])
    text = (tmp_path / "mine/my.csv").read_text(encoding="utf-8").replace("03 Happy/x-1.wav", "03_happy/x1.flac", 1)
    (tmp_path / "mine/my.csv").write_text(text, encoding="utf-8")
    dataset, lost = built(tmp_path)
    assert "nearest file: 03 Happy/x-1.wav" in lost_utterances.sentences(lost, dataset.manifest)[0]
    [finding] = lost_utterances.findings(lost, dataset.manifest)
    assert "nearest file: 03 Happy/x-1.wav" in finding.sentence  # names keep their case


def test_utterances_without_vectors_are_counted_by_corpus_and_modality():
    emotions = ["anger", "anger", "fear", "fear"]
    usable = pd.DataFrame({"utterance_id": list("abcd"), "corpus": ["x"] * 4, "emotion": emotions})
    failures = pd.DataFrame({"utterance_id": list("cda"), "input": ["audio", "audio", "video"],
                             "reason": ["cut off: 1 of 2 samples", "cut off: 3 of 9 samples", "no face"]})  # fmt: skip
    assert lost_utterances.count_without_vectors(failures, usable) == [
        "2 of 4 utterances of `x` have no audio: cut off (2); no clip of fear has any",
        "1 of 4 utterances of `x` have no video: no face (1)",
    ]
    assert lost_utterances.count_without_vectors(failures.iloc[:0], usable) == []


@pytest.mark.parametrize(
    ("lost", "modality", "refused"),
    [("ab", "audio", True), ("a", "audio", False), ("acegik", "audio", True), ("ab", "video", False)],
)
def test_too_many_unreadable_recordings_stop_the_study(lost, modality, refused):
    """A lost class or more than a tenth of the recordings stops the study; other modalities do not."""
    emotions = ["anger"] * 2 + ["fear"] * 10
    usable = pd.DataFrame({"utterance_id": list("abcdefghijkl"), "corpus": "x", "emotion": emotions})
    failures = pd.DataFrame({"utterance_id": list(lost), "source_path": "x/a.wav", "input": modality,
                             "modality": modality, "reason": "not readable as audio"})  # fmt: skip
    lost_utterances.stop_if_unreadable(failures, usable, 1)
    if not refused:
        lost_utterances.stop_if_unreadable(failures, usable, 0.2)
        return
    with pytest.raises(lost_utterances.TooManyLost, match=r"of 12 utterances of `x` have no audio.*x/a\.wav") as caught:
        lost_utterances.stop_if_unreadable(failures, usable, 0.2)
    assert "data.max_lost=1" in str(caught.value)
    assert ("no clip of anger" in str(caught.value)) is (lost == "ab")


def test_a_file_with_two_labels_is_a_breach_and_keeps_both_rows(tmp_path):
    name = rows()[0][0]
    dataset, lost = user_corpus(tmp_path, [*rows(), (name, "s0", "fear"), (name, "s0", "fear")])
    assert lost.empty
    assert dataset.problems["reason"].tolist() == [f"mine/{name}: listed a second time"]
    twice = dataset.manifest[dataset.manifest["source_path"] == f"mine/{name}"]
    assert twice["emotion"].tolist() == ["anger", "fear"]
    result = checks.find_leaks(schema.usable(dataset.manifest), set())
    assert [f.severity for f in result if f.kind == "same audio, two labels"] == ["breach"]
