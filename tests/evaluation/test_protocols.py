import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer import stats
from mer.dataset import splits
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


def corpus(name, family, speakers, official=False, classes=("neutral", "anger", "fear")):
    rows = []
    for s in range(speakers):
        for i in range(12):
            part = ("train", "validation", "test")[i % 3]
            rows.append(
                {
                    "utterance_id": f"{name}/{s}_{i}",
                    "corpus": name,
                    "family": family,
                    "gender": None,
                    "speaker_id": f"{name}_{s}",
                    "dialogue_id": f"{name}_{i}",
                    "audio_sha256": f"{name}{s}_{i}",
                    "capped": False,
                    "breach": None,
                    "transcription": None,
                    "lexical_control": "free",
                    "emotion": classes[i % len(classes)],
                    "split_official": part if official else None,
                    "exclude_reason": None,
                }
            )
    return pd.DataFrame(rows)


def manifest(*parts, official=()):
    table = pd.concat(parts, ignore_index=True)
    return splits.assign(table, set(official), splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5))


@pytest.fixture
def study():
    return manifest(
        corpus("a", "a", 12),
        corpus("b", "b", 4),
        corpus("b_song", "b", 4),
        corpus("m", "m", 3, official=True),
        official=["m"],
    )


def names(table, rows):
    return set(table.loc[rows, "corpus"])


def test_loco_holds_out_the_whole_family(study):
    cells = {c.held_out: c for c in protocols.plan(study, ("loco",), ["a", "b", "b_song", "m"])}
    assert set(cells) == {"a", "b", "m"}
    cell = cells["b"]
    assert names(study, cell.test) == {"b", "b_song"}
    assert not names(study, np.concatenate([cell.train, cell.validation])) & {"b", "b_song"}
    assert len(cell.test) == 96  # all of it
    assert set(study.loc[cells["m"].test, "split"]) == {"test"}  # the published test part
    trained = study.loc[cells["a"].train]
    assert set(trained.loc[trained["corpus"] == "m", "split"]) == {"train"}


def test_overlap_of_family_and_training_rows_is_refused_by_name(study):
    [cell, *_] = protocols.plan(study, ("loco",), ["a", "b", "m"])
    with pytest.raises(ValueError, match="LOCO without a: a would be trained on"):
        protocols.refuse_overlaps(
            study, [protocols.Cell("loco", ("a",), "a", 0, cell.test, cell.validation, cell.test)]
        )


def test_within_corpus_tests_every_utterance_once_with_unseen_speakers(study):
    cells = [c for c in protocols.plan(study, ("in_corpus",), ["a", "b"]) if c.train_corpora == ("a",)]
    assert len(cells) == 5
    tested = np.concatenate([c.test for c in cells])
    assert sorted(tested) == np.flatnonzero(study["corpus"] == "a").tolist()
    for cell in cells:
        people = [set(study.loc[rows, "speaker_id"]) for rows in (cell.train, cell.validation, cell.test)]
        assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
        assert all(people)


def test_cross_corpus_does_not_test_the_own_family(study):
    cells = {c.train_corpora[0]: c for c in protocols.plan(study, ("cross_corpus",), ["a", "b", "b_song", "m"])}
    assert names(study, cells["b"].test) == {"a", "m"}


def test_sessions_that_share_all_speakers_are_listed_with_the_reason():
    rows = corpus("a", "a", 12)
    rows["session"] = [f"day{i % 4}" for i in range(len(rows))]
    table = splits.assign(rows, set(), splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5), by_session={"a"})
    assert protocols.scored_corpora(table, 1, 4) == {"a": "1 folds, fewer than 3: its sessions share speakers"}


def test_small_corpora_are_listed_with_the_reason(study):
    assert protocols.scored_corpora(study, 100, 4) == {
        "a": "",
        "b": "48 clips, fewer than 100",
        "b_song": "48 clips, fewer than 100",
        "m": "36 clips, fewer than 100",
    }
    assert protocols.scored_corpora(study, 10, 4)["m"] == "3 speakers, fewer than 4"


def test_multi_corpus_trains_on_no_test_speaker_of_the_family(study):
    people = study["speaker_id"].str.split("_").str[-1]
    [cell] = protocols.plan(study, ("multi_corpus",), ["a", "b", "b_song", "m"])
    family = study["family"] == "b"
    tested = set(people.iloc[cell.test][family.iloc[cell.test]])
    seen = np.concatenate([cell.train, cell.validation])
    assert tested
    assert not tested & set(people.iloc[seen][family.iloc[seen]])
    others = ~family & study["split"].isin(["train", "validation"])
    assert set(np.flatnonzero(others)) <= set(seen)  # names are not compared across families


def test_multi_corpus_trains_on_no_test_sentence_of_the_family():
    table = manifest(
        corpus("m", "f", 3, official=True), corpus("e", "f", 3, official=True), corpus("o", "g", 5), official=["m", "e"]
    )
    table["transcription"] = [f"one two three four {n}" for n in range(len(table))]
    [m, *_] = np.flatnonzero((table["corpus"] == "m") & (table["split"] == "test"))
    e, short, same = np.flatnonzero((table["corpus"] == "e") & (table["split"] == "train"))[:3]
    own = np.flatnonzero((table["corpus"] == "m") & (table["split"] == "train"))[0]
    other = np.flatnonzero((table["corpus"] == "o") & (table["split"] == "train"))[0]
    table.loc[[m, own, other], "transcription"] = "Oh, my God! One two – three."
    table.loc[e, "transcription"] = "oh my god one TWO three"
    [cell] = protocols.plan(table, ("multi_corpus",), ["e", "m", "o"])
    assert e not in cell.train
    assert {short, same, own, other} <= set(cell.train)


def sides(table, cell):
    """Person and part of what a cell uses, within families."""
    people = table["family"] + table["speaker_id"].str.split("_").str[-1]
    return {part: set(people.iloc[getattr(cell, part)]) for part in ("train", "validation", "test")}


@pytest.mark.parametrize("song", [{}, {"family": "b", "speakers": 9}, {"family": "b", "speakers": 12}])
def test_validation_speakers_are_no_training_speakers_of_the_family(song):
    parts = [corpus("a", "a", 12), corpus("b", "b", 12), corpus("b_song", **({"family": "b", "speakers": 5} | song))]
    table = manifest(*parts, corpus("c", "c", 5))
    table.loc[table["corpus"] == "b", "split"] = manifest(
        corpus("b", "b", 12).assign(speaker_id=lambda t: t["speaker_id"] + "0")
    )["split"].to_numpy()  # as if it had been drawn otherwise
    names = ["a", "b", "b_song", "c"]
    cells = [
        *protocols.plan(table, ("cross_corpus", "multi_corpus", "loco"), names),
        *protocols.inner_loco(table, names),
    ]
    for cell in cells:
        side = sides(table, cell)
        assert side["train"]
        assert side["validation"]
        assert not side["train"] & side["validation"]
        if cell.protocol == "multi_corpus":
            assert not side["test"] & (side["train"] | side["validation"])
    kept = set(np.concatenate([c.train for c in cells if c.held_out == "a"]))
    assert kept >= set(np.flatnonzero((table["corpus"] == "c") & (table["split"] != "validation")))


def test_validation_sentences_recordings_and_spellings_are_not_in_training_rows_of_the_family():
    table = manifest(
        corpus("m", "f", 3, official=True), corpus("e", "f", 3, official=True), corpus("o", "g", 5),
        corpus("p", "f", 5).assign(speaker_id=lambda t: t["speaker_id"] + "x"), official=["m", "e"],
    )  # fmt: skip
    table["transcription"] = [f"one two three four {n}" for n in range(len(table))]
    table["samples_sha256"] = table["audio_sha256"]

    def rows(name, part):
        return np.flatnonzero((table["corpus"] == name) & (table["split"] == part))

    chooses, copied = rows("m", "validation")[:2]
    line, copy, kept = rows("e", "train")[:3]
    foreign_copy, foreign_line = rows("o", "train")[:2]
    own = rows("m", "train")[0]
    table.loc[[chooses, line, foreign_line, own], "transcription"] = "Oh, my God! One two three"
    table.loc[[copied, copy, foreign_copy], "samples_sha256"] = "0"
    for held_out in ("multi_corpus", "loco"):
        cells = protocols.plan(table, (held_out,), ["e", "m", "o", "p"], accepted=("e", "m", "o"))
        cell = next(c for c in cells if {"e", "m"} <= set(c.train_corpora))
        assert {chooses, copied} <= set(cell.validation)
        assert not {line, copy} & set(cell.train)
        assert {kept, own} <= set(cell.train)
        if "o" in cell.train_corpora:
            assert foreign_line in cell.train
            assert foreign_copy not in cell.train


def test_validation_speakers_of_a_split_by_speaker_do_not_train_in_another_split():
    table = manifest(corpus("a", "a", 12), corpus("b", "f", 12), corpus("m", "f", 12, official=True), official=["m"])
    cell = next(c for c in protocols.plan(table, ("loco",), ["a", "b", "m"]) if c.held_out == "a")
    side = sides(table, cell)
    apart = side["validation"] & {
        f"f{name.split('_')[1]}" for name in table.loc[cell.validation, "speaker_id"] if name[0] == "b"
    }
    assert apart
    assert not apart & side["train"]
    assert set(np.flatnonzero((table["corpus"] == "b") & (table["split"] == "train"))) <= set(cell.train)


def test_names_that_may_mean_one_speaker_count_as_one():
    rows = corpus("a", "a", 6)
    rows["speaker_id"] = rows["speaker_id"].replace({"a_3": "a_01", "a_4": "a_2.0", "a_5": "a_spk0"})
    assert protocols.scored_corpora(manifest(rows), 1, 4) == {
        "a": "3 speakers, fewer than 4 (6 names, which may be of one speaker or share recordings)"
    }


def test_validation_speaker_is_recognised_in_another_spelling():
    table = manifest(corpus("a", "a", 12), corpus("b", "b", 12), corpus("b_song", "b", 12))
    song = table["corpus"] == "b_song"
    table.loc[song, "speaker_id"] = "b_song_Actor 0" + table.loc[song, "speaker_id"].str.split("_").str[-1]
    table.loc[song, "split"] = table.loc[song, "split"].to_numpy()[::-1]
    cell = next(c for c in protocols.plan(table, ("loco",), ["a", "b", "b_song"]) if c.held_out == "a")
    number = table["speaker_id"].str.extract(r"(\d+)$")[0].astype(int)
    assert not set(number.iloc[cell.train]) & set(number.iloc[cell.validation])


@settings(max_examples=30)  # of 432
@given(st.integers(3, 14), st.integers(3, 14), st.sampled_from(protocols.Protocol.__args__))
def test_no_test_row_is_a_training_or_validation_row(first, second, protocol):
    table = manifest(corpus("a", "a", first), corpus("b", "b", second))
    for cell in protocols.plan(table, (protocol,), ["a", "b"]):
        assert not set(cell.test) & {*cell.train, *cell.validation}
        assert not set(cell.train) & set(cell.validation)


def predictions(truth, free, restricted, seeds=(0,)):
    people = [f"a_{i % 4}" for i in range(len(truth))]
    parts = [
        pd.DataFrame(
            {
                "system": "s",
                "protocol": "loco",
                "train_corpora": "b",
                "test_corpus": "a",
                "seed": seed,
                "emotion": truth,
                "free": free,
                "restricted": restricted,
                "speaker_id": people,
                "utterance_id": [f"a/{number}" for number in range(len(truth))],
                "transductive": False,
                "flagged": False,
                "accepted": False,
                "capped": False,
                "lacks": "",
            }
        )
        for seed in seeds
    ]
    return pd.concat(parts, ignore_index=True)


def test_free_predictions_outside_the_test_classes_are_errors():
    truth = ["neutral", "anger"] * 8
    table = predictions(truth, ["neutral", "surprise"] * 8, truth, seeds=(0, 1))
    results = scores.score(table, Scoring(CLASSES, {"a": "speaker_id"}), study="t")
    row = results[(results["metric"] == "UAR") & results["seed"].isna()].set_index("answers")
    assert row.loc["free", "value"] == 0.5
    assert row.loc["restricted", "value"] == 1.0
    assert (row["classes"] == 2).all()
    assert (row["n"] == 16).all()
    assert (row["speakers"] == 4).all()
    assert (row["n_seeds"] == 2).all()
    assert list(results.columns) == scores.RESULT_COLUMNS
    assert results.set_index("answers")["outside"].groupby(level=0).agg(["min", "max"]).to_numpy().tolist() == [
        [0.5, 0.5], [0.0, 0.0]
    ]  # fmt: skip
    corrected = results[(results["metric"] == "UAR_chance_corrected")].set_index("answers")
    assert corrected.loc["free", "value"] == pytest.approx(stats.chance_corrected(0.5, len(CLASSES)))
    assert corrected.loc["restricted", "value"] == 1
    assert row["chance"].tolist() == [1 / len(CLASSES), 0.5]


def test_testa_is_the_mean_of_systems_tested_on_all_corpora():
    table = pd.concat(
        [
            predictions(["fear", "anger"] * 4, ["fear", "fear"] * 4, ["fear"] * 8),
            predictions(["fear", "anger"] * 4, ["fear", "anger"] * 4, ["fear"] * 8).assign(test_corpus="c"),
            predictions(["fear", "anger"] * 4, ["fear", "anger"] * 4, ["fear"] * 8).assign(system="other"),
        ]
    )
    results = scores.score(table, Scoring(CLASSES, {"a": "speaker_id", "c": "speaker_id"}), study="t")
    mean = scores.with_mean(results, ["a", "c"], "TestA")
    rows = mean[(mean["test_corpus"] == "TestA") & (mean["answers"] == "free")]
    assert rows[["system", "metric", "value"]].to_numpy().tolist() == [
        ["s", "UAR_chance_corrected", pytest.approx((0.5 + 1) / 2 - (1 - 0.5) / 2 / 6)]
    ]
