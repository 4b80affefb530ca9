import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mer.corpora import CORPORA
from mer.dataset import splits
from mer.evaluation.comparison import published
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring
from tests.evaluation.toy_data import CLASSES, manifest, predictions

SOURCES, TABLES = published.load()
NUMBERS = published.numbers(TABLES)


def study(corpus="meld", official=True, classes=CLASSES, protocol="in_corpus", train=None, systems=("s",)):
    rows = manifest(corpus, 6, 42, classes)
    if official:
        rows["split_official"] = np.tile(["train", "validation", "test"], len(rows) // 3)
    rows = splits.assign(
        rows, {corpus} if official else set(), splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5)
    )
    predicted = pd.concat([predictions(rows, 0.5, s, protocol, train or corpus) for s in systems])
    results = scores.score(predicted, Scoring(CLASSES, {corpus: "speaker_id"}), study="t")
    return results, published.settings(rows)


def shown(results, ours, **wanted):
    table = published.compare_published(NUMBERS.assign(clips=np.nan), results, ours, "s")
    return table[np.logical_and.reduce([table[k] == v for k, v in wanted.items()])]


def test_two_published_averages_do_not_reproduce():
    table = published.averages(TABLES)
    wrong = table[~table["reproduces"]]
    assert wrong[["table", "of", "corpus"]].to_numpy().tolist() == [
        ["paper, cross-corpus", "train", "iemocap"],
        ["paper, cross-corpus", "train", "afew"],
    ]
    assert wrong["computed"].tolist() == pytest.approx([72.5 / 3, 109.0 / 3])
    assert len(table) == 16


@pytest.mark.parametrize(("corpus", "metric"), [("iemocap", "UAR"), ("mosei", "recall of yes"), ("meld", "UAR"),
                                                ("afew", "UAR")])  # fmt: skip
def test_published_uar_of_the_paper_is_the_mean_of_its_recalls(corpus, metric):
    # which is how one knows that the page's UAR of MOSEI is of the positive answers only
    whole = {"source": "mer2025", "protocol": "in_corpus", "system": "audio + video + text, class weights"}
    mine = NUMBERS[(NUMBERS[list(whole)] == pd.Series(whole)).all(axis=1) & (NUMBERS["test_corpus"] == corpus)]
    recalls = mine[mine["table"].str.endswith(", classes")]
    assert " ".join(sorted(recalls["metric"].str.removeprefix("recall of "))) == recalls["classes"].iat[0]
    [printed] = mine[mine["metric"] == metric]["value"]
    assert printed == pytest.approx(recalls["value"].mean(), abs=1e-3)


def test_loco_table_of_the_paper():
    loco = NUMBERS[NUMBERS["table"] == "paper, LOCO"]
    assert (loco.groupby("test_corpus")["value"].max() * 100).round(1).to_dict() == {
        "iemocap": 44.5, "mosei": 31.7, "meld": 33.0, "afew": 49.0,
    }  # fmt: skip
    assert set(loco.loc[loco["test_corpus"] == "meld", "train_corpora"]) == {"afew+iemocap+mosei"}


def test_published_numbers_have_valid_values_corpora_and_sources():
    assert NUMBERS["value"].between(0.1, 1).all()
    others = {"mean of 17 corpora", "polish", "IEMOCAP, MSP-IMPROV, MSP-Podcast and CREMA-D pooled",
              "held-out speakers of the acted corpora"}  # fmt: skip
    assert {c for c in NUMBERS["test_corpus"] if not c.startswith("all but")} <= set(CORPORA) | others
    assert {table.source for table in TABLES} == set(SOURCES)
    assert not NUMBERS.duplicated(["table", "system", "train_corpora", "test_corpus", "metric"]).any()
    assert {w for c in NUMBERS["classes"] for w in c.split()} - set(CLASSES) == {
        "amusement", "boredom", "calm", "contempt", "excitement", "frustration", "sleepiness",
    }  # fmt: skip


def test_the_paper_has_its_authors():
    assert SOURCES["mer2025"].citation.startswith("Ryumina, Ryumin, Axyonov, Ivanko, Karpov.")


def test_loco_of_the_fork_that_started_from_all_corpora_is_unsound():
    fork = NUMBERS[(NUMBERS["source"] == "fork2025") & (NUMBERS["protocol"] == "loco") & (NUMBERS["metric"] == "UAR")]
    meld = fork[fork["test_corpus"] == "meld"].set_index(["table", "system"])
    assert (meld["unsound"] != "").groupby("table").first().to_dict() == {
        "fork, LOCO": True, "fork, from acted corpora to MELD": False,
    }  # fmt: skip
    assert meld["value"].to_dict()["fork, from acted corpora to MELD", "stage 2"] == pytest.approx(0.2556)
    assert set(meld["train_corpora"]) == {"cremad+emovdb+esd+iemocap+mead+ravdess"}


def test_sources_have_addresses_and_tables_have_unique_names():
    assert all(source.address.startswith("https://") for source in SOURCES.values())
    assert len({table.name for table in TABLES}) == len(TABLES)


def test_published_random_splits_are_unsound():
    drawn = [table for table in TABLES if "random" in (table.split or "")]
    assert len(drawn) > 10
    assert all(table.unsound for table in drawn)


def test_corpora_without_scores_in_emobox():
    known = {table.test for table in TABLES if table.name.startswith("EmoBox, ") and table.test}
    assert set(CORPORA) - known == {  # without scores of their own there, as they are not in it, or in another's
        "afew", "emorynlp", "emospeechin", "esd_mandarin", "mosei", "nemo", "ravdess_song",
    }  # fmt: skip


def test_number_of_the_same_protocol_is_comparable():
    results, ours = study()
    mean = results[results["seed"].isna() & (results["answers"] == "free")].set_index("metric")["value"]
    rows = shown(results, ours, table="EmoBox, MELD", system="WavLM large")
    assert not rows["grey"].any()
    assert set(rows["metric"]) == {"UAR", "WA", "macro_F1"}
    assert rows["mer"].tolist() == [mean[m] for m in rows["metric"]]
    assert (rows["difference"] == rows["mer"] - rows["value"]).all()
    assert set(rows["n"]) == set(results["n"])
    assert (rows["reason"] == "").all()


@pytest.mark.parametrize(
    ("made", "table", "reason"),
    [
        ({}, "paper, IEMOCAP", "iemocap is not in this study"),
        ({"official": False}, "EmoBox, MELD", "another split: official; MER: leave one speaker out"),
        ({"classes": CLASSES[:4]}, "EmoBox, MELD", "other classes: only published anger disgust fear"),
        ({"protocol": "loco", "train": "z"}, "EmoBox, MELD", "this study has no in_corpus of that system"),
        ({"protocol": "loco", "train": "z"}, "paper, LOCO", "the mapping of labels is not stated"),
        ({"protocol": "loco", "train": "z"}, "paper, LOCO", "other training corpora: afew+iemocap+mosei"),
        ({"corpus": "afew"}, "paper, AFEW", "not sound: the epoch is chosen on the part that is tested"),
        ({"corpus": "mosei"}, "paper, MOSEI", "another metric: recall of yes"),
        ({"corpus": "cremad"}, "EmoBox, CREMA-D", "not sound: 91 of 91 speakers are in training and test"),
    ],
)
def test_other_numbers_are_grey_with_the_reason(made, table, reason):
    results, ours = study(**made)
    rows = shown(results, ours, table=table)
    rows = rows[rows["test_corpus"].isin(list(ours.index)) | ("not in this study" in reason)]
    assert rows["grey"].all()
    assert rows[["mer", "low", "high", "difference"]].isna().all(axis=None)
    assert rows["reason"].str.contains(reason, regex=False).any()


def test_other_number_of_test_clips_is_not_comparable():
    results, ours = study()
    counted = results["n"].iloc[0]
    for clips, grey in ((counted, False), (counted + counted // 50 + 2, True), (200 * counted, True)):
        table = published.compare_published(NUMBERS.assign(clips=float(clips)), results, ours, "s")
        rows = table[(table["table"] == "EmoBox, MELD") & (table["metric"] == "UAR")]
        assert set(rows["grey"]) == {grey}
        assert set(rows["reason"]) == ({f"other clips: {clips:,}; MER: {counted}"} if grey else {""})
    few = results.assign(n=2609)  # one of 2,610 may be unreadable
    rows = published.compare_published(NUMBERS, few, ours, "s").query('table == "EmoBox, MELD"')
    assert not rows["grey"].any()


def test_excluded_study_is_comparable_with_no_number():
    results, ours = study()
    table = published.compare_published(
        NUMBERS.assign(clips=np.nan), results, ours, "s", exclusion="MER's recordings are synthetic"
    )
    assert table["grey"].all()
    near = table["table"] == "EmoBox, MELD"
    assert set(table.loc[near, "reason"]) == {"MER's recordings are synthetic"}
    assert not table.loc[table["test_corpus"] != "meld", "reason"].str.contains("synthetic").any()


def test_score_of_nan_is_grey():
    results, ours = study()
    rows = shown(results.assign(value=np.nan), ours, table="EmoBox, MELD")
    assert set(rows["reason"]) == {"MER's score is NaN"}


def test_empty_results_are_comparable_with_no_number():
    results, ours = study()
    assert published.compare_published(NUMBERS, results[:0], ours[:0], "s")["grey"].all()


def test_settings_describe_splits_in_the_words_of_the_file():
    rows = pd.concat([manifest("a", 4), manifest("b", 20), manifest("i", 10)], ignore_index=True)
    options = splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5)
    rows = splits.assign(rows, set(), options, by_session=("i",))
    assert published.settings(rows, ("i",))["split"].to_dict() == {
        "a": "leave one speaker out", "b": "5 folds of speakers", "i": "leave one session out",
    }  # fmt: skip


def document(**changed):
    table = {
        "name": "t", "source": "s", "protocol": "loco", "test": "a", "metric": "UAR", "classes": None, "split": None,
        "columns": ["system", "value"], "numbers": [["x", 50.0]],
    }  # fmt: skip
    sources = {"s": {"citation": "c", "address": "a", "read": "r"}}
    return {"sources": sources, "tables": [table | changed]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"surprise": 1}, "surprise"),
        ({"source": "other"}, "the source 'other' of t is not under"),
        ({"numbers": [["x", 501]]}, "value is 501"),
        ({"numbers": [["x", "fifty"]]}, "value is 'fifty'"),
        ({"numbers": [["x"]]}, "needs one value for each of system, value"),
        ({"columns": ["system", "score"]}, "column score"),
        ({"protocol": "random"}, "protocol"),
    ],
)
def test_invalid_file_is_refused_by_name(tmp_path, changed, message):
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump(document(**changed)), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        published.load(file)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("p") / "p.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"p\.yaml"):
        published.load(file)


def test_parts_of_a_user_defined_table_are_not_official():
    rows = manifest("meld", 6, 42, CLASSES).assign(split_official="train", split_source="own")
    rows = splits.assign(rows, {"meld"}, splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5))
    assert published.settings(rows)["split"].tolist() == ["parts of a user-defined table"]


def test_quick_looks_and_own_policies_are_not_compared():
    results, ours = study()
    [comparable] = {row["reason"] for _, row in shown(results, ours, grey=False).iterrows()}
    assert comparable == ""
    capped = shown(results.assign(capped=True), ours, test_corpus="meld", protocol="in_corpus")
    assert capped["grey"].all()
    assert "only some utterances were drawn" in " ".join(capped["reason"])
    own = shown(results, ours.assign(own_mapping=True), test_corpus="meld", protocol="in_corpus")
    assert own["grey"].all()
    assert "the study's own policy" in " ".join(own["reason"])
