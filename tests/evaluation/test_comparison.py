import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.comparison import comparison, ranking
from mer.evaluation.scores.confusions import PredictionError, Scoring
from tests.evaluation.toy_data import CLASSES, manifest, predictions

CORPORA = {"a": 8, "b": 12}
CLUSTERS = dict.fromkeys("abcz", "speaker_id")
SCORING = Scoring(CLASSES, CLUSTERS)


def study(**right):
    parts = []
    for at, (system, share) in enumerate(right.items()):
        for c, n in CORPORA.items():
            parts.append(predictions(manifest(c, n), share, system, seeds=(0, 1), seed=[at, n]))
    return pd.concat(parts, ignore_index=True)


def rows(table, **wanted):
    return table[np.logical_and.reduce([table[k] == v for k, v in wanted.items()])]


def test_better_system_is_shown_and_equal_systems_are_not():
    table = comparison.compare(study(base=0.5, good=0.8, same=0.5, bad=0.2), SCORING, "base")
    means = rows(table, test_corpus=comparison.MEAN).set_index("system")
    assert means["verdict"].to_dict() == {"bad": "worse", "good": "better", "same": "not shown"}
    assert (means["p_holm"] >= means["p"]).all()
    assert list(table.columns) == comparison.COLUMNS
    assert len(table) == 9


def test_row_equals_stats_compare_on_the_same_confusions():
    predicted = study(base=0.5, good=0.6)
    [row] = rows(comparison.compare(predicted, SCORING, "base"), test_corpus="a").to_dict("records")
    sides = []
    for system in ("good", "base"):
        mine = predicted[(predicted["system"] == system) & (predicted["test_corpus"] == "a")]
        seeds = []
        for _, part in mine.groupby("seed"):
            truth, given = (part[c].map(CLASSES.index).to_numpy() for c in ("emotion", "free"))
            seeds.append(stats.cluster_confusions(truth, given, part["speaker_id"].to_numpy(object), 7)[0])
        sides.append(np.stack(seeds))
    result = stats.compare([tuple(sides)])
    assert (row["difference"], row["low"], row["high"], row["p"]) == pytest.approx(
        (result.point, result.low, result.high, result.p)
    )
    assert row["value"] - row["reference_value"] == pytest.approx(row["difference"])
    assert row["smallest_p"] == pytest.approx(2 * result.smallest)  # two corpora, two questions


def test_mean_is_of_chance_corrected_uar():
    table = comparison.compare(study(base=0.5, good=0.8), SCORING, "base")
    alone, mean = rows(table, test_corpus="a"), rows(table, test_corpus=comparison.MEAN)
    both = [rows(table, test_corpus=c)["value"].iloc[0] for c in CORPORA]
    assert mean["value"].iloc[0] == pytest.approx(np.mean([stats.chance_corrected(v, 7) for v in both]))
    assert alone["speakers"].iloc[0] == 8
    assert mean["speakers"].iloc[0] == 20


def test_one_seed_of_a_network_gives_a_verdict_on_trained_models():
    parts = [predictions(manifest("a", 12), share, system) for system, share in (("x", 0.9), ("y", 0.2))]
    [row] = comparison.compare(pd.concat(parts), SCORING, "y").to_dict("records")
    assert (row["verdict"], row["of"]) == ("these trained models differ", "trained models")
    solved = [part.assign(deterministic=True) for part in parts]
    [row] = comparison.compare(pd.concat(solved), SCORING, "y").to_dict("records")
    assert (row["verdict"], row["of"]) == ("better", "systems")
    [row] = comparison.compare(pd.concat([solved[0], parts[1]]), SCORING, "y").to_dict("records")
    assert row["of"] == "trained models"
    several = predictions(manifest("a", 12), 0.2, "y", seeds=(0, 1, 2))
    [row] = comparison.compare(pd.concat([solved[0], several]), SCORING, "y").to_dict("records")
    assert (row["verdict"], row["of"], row["clusters"], row["n_clusters"]) == ("better", "systems", "speakers", 12)


def test_speakers_and_dialogues_are_both_clusters():
    clips = manifest("a", 6)
    clips["dialogue_id"] = [f"d{number // 3}" for number in range(len(clips))]
    both = pd.concat([predictions(clips, share, s, deterministic=True) for s, share in (("x", 0.9), ("y", 0.3))])
    two, people = (
        comparison.compare(both, Scoring(CLASSES, {"a": cluster}), "y").iloc[0]
        for cluster in (("speaker_id", "dialogue_id"), "speaker_id")
    )
    assert (two["clusters"], two["n_clusters"]) == ("speakers and dialogues", 6)
    assert two["smallest_p"] == people["smallest_p"] == 2**-5
    assert two["difference"] == pytest.approx(people["difference"])
    assert two["p"] >= people["p"]
    scoring = Scoring(CLASSES, {"a": ("speaker_id", "dialogue_id")})
    assert ranking.rank_systems(both, scoring, draws=50)["first"].tolist() == [1, 0]


def test_four_speakers_give_no_significant_difference():
    predicted = pd.concat([predictions(manifest("a", 4), share, system) for system, share in (("x", 0.95), ("y", 0.1))])
    [row] = comparison.compare(predicted, SCORING, "y").to_dict("records")
    assert row["low"] > 0
    assert (row["p"], row["smallest_p"], row["verdict"]) == (0.125, 0.125, "not shown")


def test_one_speaker_has_a_difference_without_interval():
    predicted = pd.concat([predictions(manifest("a", 1), share, system) for system, share in (("x", 0.9), ("y", 0.2))])
    [row] = comparison.compare(predicted, SCORING, "y").to_dict("records")
    assert row["difference"] > 0
    assert np.isnan([row["low"], row["high"]]).all()
    assert np.isnan(row["p"])
    assert row["verdict"] == "no interval: 1 speaker"


def test_missing_corpus_is_named_and_is_no_test():
    predicted = study(base=0.5, good=0.8)
    predicted = predicted[(predicted["system"] == "base") | (predicted["test_corpus"] == "a")]
    table = comparison.compare(predicted, SCORING, "base").set_index("test_corpus")
    assert table.loc["b", "verdict"] == table.loc[comparison.MEAN, "verdict"] == "no predictions on b"
    assert table.loc["a", "p_holm"] == table.loc["a", "p"]
    assert table.loc[["b", comparison.MEAN], "p_holm"].isna().all()


def test_systems_are_compared_on_common_clips_and_seeds():
    predicted = study(base=0.5, good=0.6)
    mine = predicted["system"] == "good"
    predicted = predicted[~mine | ~predicted["utterance_id"].str.endswith("_00")]
    predicted.loc[mine & (predicted["seed"] == 1), "seed"] = 9
    row = comparison.compare(predicted, SCORING, "base").iloc[0]
    assert (row["n"], row["seeds"]) == (8 * 23, 1)


def test_absent_class_and_order_of_classes_change_nothing():
    table = comparison.compare(study(base=0.5, good=0.6), SCORING, "base")
    again = comparison.compare(study(base=0.5, good=0.6), Scoring((*CLASSES[::-1], "boredom"), CLUSTERS), "base")
    for corpus, share in (("a", 1), ("b", 1), (comparison.MEAN, (7 / 6) / (8 / 7))):  # chance is of 7 classes, and of 8
        ours, theirs = (rows(one, test_corpus=corpus)["difference"].item() for one in (table, again))
        assert ours == pytest.approx(theirs * share)


def test_ranks_have_intervals_over_resamples():
    predicted = study(base=0.5, good=0.8, same=0.5, bad=0.2)
    result = ranking.rank_systems(predicted, SCORING, draws=400)
    assert result["system"].tolist()[0] == "good"
    assert result["system"].tolist()[-1] == "bad"
    table = result.set_index("system")
    assert table.loc["good", ["rank", "low", "high", "first"]].tolist() == [1, 1, 1, 1]
    assert table.loc[["base", "same"], "low"].tolist() == [2, 2]
    assert table.loc[["base", "same"], "high"].tolist() == [3, 3]
    assert table["first"].sum() == pytest.approx(1)
    best = comparison.compare(predicted, SCORING, "base").set_index(["system", "test_corpus"])
    assert table.loc["good", "value"] == pytest.approx(best.loc[("good", comparison.MEAN), "value"])


def test_system_without_predictions_on_a_corpus_has_no_rank():
    predicted = study(base=0.5, good=0.8)
    predicted = predicted[(predicted["system"] == "base") | (predicted["test_corpus"] == "a")]
    table = ranking.rank_systems(predicted, SCORING, draws=20).set_index("system")
    assert table.loc["good", "note"] == "no predictions on b"
    assert np.isnan(table.loc["good", "rank"])
    assert table.loc["base", "rank"] == 1
    assert ranking.rank_systems(predicted[:0], SCORING).empty


def test_speaker_in_two_corpora_of_a_family_is_one_cluster():
    parts = []
    for at, system in enumerate(("x", "y")):
        for c in ("r", "r_song"):
            parts.append(predictions(manifest(c, 6).assign(family="r"), 0.9 - 0.7 * at, system, seed=[at, len(c)]))
    scoring = Scoring(CLASSES, dict.fromkeys(("r", "r_song"), "speaker_id"))
    kin, strangers = pd.concat(parts), pd.concat([part.assign(family=part["test_corpus"]) for part in parts])
    rows_ = [
        rows(comparison.compare(table, scoring, "y"), test_corpus=comparison.MEAN).iloc[0] for table in (kin, strangers)
    ]
    assert [row["smallest_p"] for row in rows_] == [2**-5, 2**-11]
    assert rows_[0]["p"] == 2**-5
    assert rows_[0]["difference"] == pytest.approx(rows_[1]["difference"])
    ranks = [ranking.rank_systems(table, scoring, draws=50)["value"].tolist() for table in (kin, strangers)]
    assert ranks[0] == pytest.approx(ranks[1])


def test_mean_with_a_corpus_of_one_class_has_no_verdict():
    one = manifest("b", 12).assign(emotion="anger")
    predicted = pd.concat(
        [predictions(rows_, 0.5, s) for s in ("x", "y") for rows_ in (manifest("a", 8), one)], ignore_index=True
    )
    table = comparison.compare(predicted, SCORING, "y").set_index("test_corpus")
    assert table.loc[comparison.MEAN, "verdict"] == "nothing to measure: one class only"
    assert np.isnan(table.loc[comparison.MEAN, "p_holm"])


def test_ranks_are_computed_from_the_resamples():
    predicted = study(base=0.5, good=0.6, half=0.9)
    predicted = predicted[(predicted["system"] != "half") | (predicted["test_corpus"] == "a")]
    drawn = ranking.resampled(predicted, SCORING, draws=300)
    assert drawn.columns.tolist() == ["base", "good"]
    result = ranking.rank_systems(predicted, SCORING, draws=300).set_index("system")
    ahead = drawn.eq(drawn.max(axis=1), axis=0)
    assert ahead.div(ahead.sum(axis=1), axis=0).mean().to_dict() == pytest.approx(result["first"].dropna().to_dict())
    assert ranking.resampled(predicted[:0], SCORING, draws=3).shape == (3, 0)


def test_resamples_of_one_class_are_left_out():
    rows_ = manifest("a", 4)
    rows_ = rows_[(rows_["emotion"] == "anger") | (rows_["speaker_id"] == "a_00")]
    predicted = pd.concat([predictions(rows_, share, system) for system, share in (("x", 0.9), ("y", 0.2))])
    drawn = ranking.resampled(predicted, SCORING, draws=200)
    assert drawn.isna().any(axis=None)
    assert ranking.rank_systems(predicted, SCORING, draws=200)["first"].sum() == pytest.approx(1)
    alone = predicted[predicted["emotion"] == "anger"]
    result = ranking.rank_systems(alone, SCORING, draws=20)
    assert result["rank"].isna().all()
    assert set(result["note"]) == {"nothing to measure: one class only"}


def test_reason_against_a_comparison():
    predicted = study(base=0.5, good=0.6)
    assert comparison.reason_against(predicted, "base") == ""
    assert comparison.reason_against(predicted, "best") == "best has no predictions of loco"
    assert "only system" in comparison.reason_against(predicted[predicted["system"] == "base"], "base")
    assert comparison.reason_against(predicted, "base", "in_corpus") == "this study has no predictions of in_corpus"
    assert comparison.empty().columns.tolist() == comparison.COLUMNS


def test_invalid_arguments_are_refused_by_name():
    predicted = study(base=0.5, good=0.6)
    with pytest.raises(ValueError, match="'best' has no predictions of loco"):
        comparison.compare(predicted, SCORING, "best")
    with pytest.raises(ValueError, match="metric"):
        comparison.compare(predicted, SCORING, "base", metric="accuracy")
    twice = pd.concat([predicted, predicted.assign(train_corpora="y")])
    with pytest.raises(ValueError, match="several trainings"):
        comparison.compare(twice, SCORING, "base")
    predicted = predicted.astype({"free": object})
    predicted.loc[3, "free"] = np.nan
    with pytest.raises(PredictionError, match="no class in `free`"):
        comparison.compare(predicted, SCORING, "base")
