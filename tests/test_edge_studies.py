"""Small, unbalanced or damaged studies end in a report, or in a sentence that states the reason."""

import json
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from mer import params
from mer.corpora.synthetic import trees
from mer.dataset.manifest import build
from mer.evaluation import checkpoint, row_selection
from mer.evaluation.protocols import jobs
from mer.evaluation.scores import step_results
from mer.params.schema import Synthetic
from tests.studies import run_cells

mpl.use("Agg")
QUICK = {
    "labels": {"policy": "paper7"},
    "features": {"audio": {"n_mfcc": 13}, "text": {"dimensions": 32}},
    "systems": {"gated": {"model": "gated"}, "logistic": {"model": "logistic", "inputs": ["audio"]}},
    "training": {"epochs": 2, "hidden": 4, "inverse_regularisation": [0.01]},
    "evaluation": {"seeds": [0], "min_clips": 20},
}
TEXT = {"systems": {"words": {"model": "logistic", "inputs": ["text"]}}}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A folder with corpora, `raw`, and with what studies store of them, `store`."""
    home = tmp_path_factory.mktemp("clean")
    trees.write(home / "raw", Synthetic(speakers=4, clips=2))
    return home


class Attempt:
    """Runs steps of studies that differ from QUICK.

    Attributes:
        raw: the folder of corpora.
        home: the folder of the study's YAML and, as `run`, of its results.
    """

    def __init__(self, raw, store, home):
        self.raw, self.home, self.run, self.data = raw, home, home / "run", {"raw": str(raw), "store": str(store)}

    def __call__(self, corpora, steps="01,02,03,04,09", **sections):
        path = self.home / "study.yaml"
        path.write_text(yaml.safe_dump(QUICK | {"corpora": corpora, "data": self.data} | sections), encoding="utf-8")
        try:
            run_cells(path, self.run, steps)
        finally:
            plt.close("all")
        return pd.read_parquet(self.run / "tables" / "results.parquet")


@pytest.fixture
def attempt(clean, tmp_path):
    """All studies read the same corpora, and what an earlier one has stored of them."""
    return Attempt(clean / "raw", clean / "store", tmp_path)


@pytest.fixture
def attempt_on_copy(clean, tmp_path):
    """The study has corpora of its own, which may be changed."""
    return Attempt(shutil.copytree(clean / "raw", tmp_path / "raw"), tmp_path / "store", tmp_path)


@pytest.mark.parametrize(
    ("corpora", "sections"),
    [
        (["emodb"], {}),
        (["meld"], {}),
        (["meld", "emodb"], TEXT),
        (["emodb", "esd"], {"evaluation": QUICK["evaluation"] | {"protocols": ["cross_corpus"]}}),
        (["emodb", "ravdess", "cremad"], {"labels": {"policy": "primary4"}}),
        (
            ["emodb", "ravdess"],
            {"splits": {"folds": 4}, "labels": {"policy": "paper7", "overrides": {"ravdess": {"calm": "drop"}}}},
        ),
    ],
    ids=["one corpus", "official split alone", "text only", "without LOCO", "four classes", "overrides"],
)
def test_unusual_studies_end_in_a_report(attempt, corpora, sections):
    results = attempt(corpora, **sections)
    assert len(results)
    assert results["value"].between(-0.5, 1).all()


OWN_POLICY = {
    "classes": ["très tendu", "a_b <i>$x$</i>", "neutral"],  # other names than those of emotions, in this order
    "map": {"anger": "très tendu", "fear": "très tendu", "happiness": "a_b <i>$x$</i>", "calm": "neutral"},
    "drop": ["sadness", "surprise", "disgust"],
}


def test_study_with_its_own_classes_ends_in_a_report_and_predictions(attempt):
    inputs = ["emodb", "ravdess"]
    results = attempt(inputs, "01,02,03,04,07,08,09", labels=OWN_POLICY, predict={"voice": "energy"})
    assert set(results.loc[results["protocol"] == "loco", "test_corpus"]) == set(inputs)
    run = attempt.run
    predictions = pd.read_parquet(run / "tables" / "predictions.parquet")
    columns = [name for name in predictions if name.startswith("p_")]
    assert columns == [f"p_{name}" for name in OWN_POLICY["classes"]]
    assert set(predictions["emotion"]) == set(OWN_POLICY["classes"])
    assert np.allclose(predictions[columns].sum(axis=1), 1)
    card = json.loads((run / "checkpoints" / "logistic-seed0" / "model.json").read_text(encoding="utf-8"))
    assert card["classes"] == OWN_POLICY["classes"]
    of_files = pd.read_csv(run / "predictions" / "predictions.csv")
    assert set(of_files["label"].dropna()) <= set(OWN_POLICY["classes"])
    published = pd.read_csv(run / "tables" / "published.csv")
    assert published["grey"].all()
    stated = params.load(attempt.home / "study.yaml")
    (run / "params.yaml").write_text(params.dump(stated), encoding="utf-8")  # as the runner writes it
    study = row_selection.open_study(run)
    tested = checkpoint.evaluate(run / "checkpoints" / "logistic-seed0", study, ("ravdess",))
    assert list(tested.predictions.filter(like="p_").columns) == columns


ALTERED = {"variants": 1, "noise": {"snr": [5, 15]}, "codec": {"kinds": ["mulaw"]}, "copy_paste": True}
TWO = {"plain": {"model": "logistic", "inputs": ["audio"]},
       "augmented": {"model": "logistic", "inputs": ["audio"], "training": {"augmented": True}}}  # fmt: skip


def test_augmented_rows_are_training_rows_of_systems_that_ask_for_them_and_nothing_else(attempt):
    run, corpora = attempt.run, ["emodb", "esd", "ravdess"]
    alone = attempt(corpora, "01,02,03,04,09", systems={"plain": TWO["plain"]})
    steps = ("tables/steps/03_predictions.parquet", "tables/steps/04_predictions.parquet")
    before = pd.concat([pd.read_parquet(run / name) for name in steps])
    manifest = (run / "data" / "manifest.parquet").read_bytes()
    results = attempt(corpora, "01,02,03,04,08,09", systems=TWO, augmentation=ALTERED,
                      predict={"voice": "energy", "robustness": ["noise", "gain"]})  # fmt: skip
    assert (run / "data" / "manifest.parquet").read_bytes() == manifest
    after = pd.concat([pd.read_parquet(run / name) for name in steps])
    keys = ["protocol", "train_corpora", "fold", "utterance_id"]
    of_plain = after[after["system"] == "plain"].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(of_plain, before[before["system"] == "plain"].sort_values(keys, ignore_index=True))
    of_augmented = after[after["system"] == "augmented"].sort_values(keys, ignore_index=True)
    assert of_augmented[keys].equals(of_plain[keys])  # the same utterances are tested, none twice
    assert not np.allclose(of_augmented.filter(like="p_"), of_plain.filter(like="p_"))
    assert len(alone) < len(results)
    cards = [json.loads((run / "checkpoints" / f"{name}-seed0" / "model.json").read_text("utf-8")) for name in TWO]
    for field in ("training_rows", "exposure", "rows_sha256"):  # the lineage is that of the recordings
        assert cards[0][field] == cards[1][field]
    robust = pd.read_csv(run / "tables" / "robustness.csv")
    assert set(robust["system"]) == set(TWO)
    assert robust.groupby("alteration")["strength"].nunique().to_dict() == {"gain": 4, "noise": 5}
    assert (robust["value"] - robust["unaltered"] - robust["difference"]).abs().max() < 1e-9
    inputs = pd.read_parquet(run / "data" / "inputs.parquet")
    assert inputs["sources"].notna().sum() == inputs["sources"].isna().sum()  # one copy of each recording


def test_quick_look_is_named_wherever_a_score_is(attempt):
    data = {"max_clips": 24, "max_speakers": 4, **attempt.data}
    results = attempt(["emodb", "esd"], data=data, evaluation=QUICK["evaluation"] | {"seeds": [0]})
    assert results["capped"].all()
    manifest = pd.read_parquet(attempt.run / "data" / "manifest.parquet")
    used = manifest[manifest["exclude_reason"].isna()]
    assert (used["corpus"].value_counts() == 24).all()
    assert used.groupby("corpus")["speaker_id"].nunique().max() <= 4
    page = (attempt.run / "checkpoints" / "logistic-seed0" / "README.md").read_text(encoding="utf-8")
    assert "quick look" in page


def test_study_without_step_03_or_04_ends_in_a_report(attempt):
    assert set(attempt(["emodb", "esd"], "01,02,04,09")["protocol"]) == {"in_corpus", "cross_corpus", "loco"}
    assert set(attempt(["emodb", "esd"], "03,09")["protocol"]) >= {"multi_corpus"}


def test_published_split_without_a_part_ends_in_a_report(attempt_on_copy):
    shutil.rmtree(attempt_on_copy.raw / "MELD" / "test")
    next((attempt_on_copy.raw / "MELD").rglob("test_sent_emo.csv")).unlink()
    results = attempt_on_copy(["meld", "emodb"])
    assert set(results["test_corpus"]) <= {"emodb", "TestA"}  # MELD is listed with its reason


def test_test_part_without_clips_is_scored_on_text(attempt_on_copy):
    shutil.rmtree(attempt_on_copy.raw / "MELD" / "test")
    manifest = attempt_on_copy(["meld"], **TEXT).set_index("system")
    assert set(manifest["test_corpus"]) == {"meld"}


def test_user_defined_corpus_is_held_out(attempt_on_copy):
    lines = ["file;who;feeling"]
    for clip in sorted((attempt_on_copy.raw / "emodb" / "wav").glob("*.wav")):
        lines.append(f"rec/{clip.name};{clip.stem[:2]};{clip.stem[5]}")
    (attempt_on_copy.raw / "emodb" / "wav").rename(attempt_on_copy.raw / "emodb" / "rec")
    (attempt_on_copy.raw / "emodb" / "my.csv").write_text("\n".join(lines), encoding="utf-8")
    labels = {"W": "anger", "E": "disgust", "A": "fear", "F": "joy", "T": "sadness", "N": "neutral", "L": "boredom"}
    mine = {"table": "emodb/my.csv", "columns": {"speaker": "who", "emotion": "feeling"}, "labels": labels}
    results = attempt_on_copy({"mine": mine, "ravdess": None})
    assert set(results.loc[results["protocol"] == "loco", "test_corpus"]) == {"mine", "ravdess"}
    assert set(results.loc[results["protocol"] == "in_corpus", "test_corpus"]) == {"mine", "ravdess"}


def test_damaged_first_recording_is_excluded(attempt_on_copy):
    first, second = sorted((attempt_on_copy.raw / "emodb" / "wav").glob("03*.wav"))[:2]
    samples, rate = soundfile.read(first)
    first.unlink()
    soundfile.write(first.with_suffix(".flac"), np.random.default_rng(0).normal(0, 0.1, 40_000), rate)
    whole = first.with_suffix(".flac").read_bytes()
    first.with_suffix(".flac").write_bytes(whole[: len(whole) // 2])
    soundfile.write(second, np.full(len(samples), np.nan), rate, subtype="FLOAT")
    attempt_on_copy(["emodb"])
    failures = pd.read_csv(attempt_on_copy.run / "data" / "failures.csv")
    assert {first.stem, second.stem} <= {path.rsplit("/")[-1].split(".")[0] for path in failures["source_path"]}


def test_study_without_usable_files_ends_with_one_sentence(attempt_on_copy):
    for clip in (attempt_on_copy.raw / "emodb" / "wav").glob("*.wav"):
        clip.write_bytes(b"RIFF")
    with pytest.raises(build.NoCorpora, match=r"no file .* is usable.*\n.*\.wav: not readable"):
        attempt_on_copy(["emodb"])


def test_study_without_training_rows_states_the_reason(attempt):
    with pytest.raises(jobs.NothingToTrain, match=r"no text to"):
        attempt(["emodb", "esd"], **TEXT)
    with pytest.raises(jobs.NothingToTrain, match=r"min_clips"):
        attempt(["emodb"], evaluation=QUICK["evaluation"] | {"min_clips": 10_000})


def test_missing_recording_is_an_error_and_not_stored_as_unreadable(attempt_on_copy):
    attempt_on_copy(["emodb"], "01,02,03,09")
    shutil.rmtree(attempt_on_copy.data["store"])
    clip = sorted((attempt_on_copy.raw / "emodb" / "wav").glob("*.wav"))[0]
    moved = clip.rename(clip.with_suffix(".away"))
    with pytest.raises(FileNotFoundError, match=clip.stem):
        attempt_on_copy(["emodb"], "02")
    moved.rename(clip)
    attempt_on_copy(["emodb"], "02,03,09")


def test_results_of_other_parameters_are_refused(attempt):
    attempt(["emodb", "esd"])
    with pytest.raises(step_results.StaleResults, match="run step 03 again"):
        attempt(["emodb", "esd"], "09", training={"epochs": 3, "hidden": 4})
    words = {"extractor": "tfidf", "dimensions": 32}  # the same vectors as of `hashing`, scaled otherwise
    with pytest.raises(step_results.StaleResults, match="run step 03 again"):
        attempt(["emodb", "esd"], "02,09", features=QUICK["features"] | {"text": words})


def test_recording_in_two_families_is_not_held_out(attempt_on_copy):
    clip = sorted((attempt_on_copy.raw / "RAVDESS").rglob("*.wav"))[0]
    target = sorted((attempt_on_copy.raw / "emodb" / "wav").glob("*Wa.wav"))[0]
    shutil.copyfile(clip, target)
    with pytest.raises(ValueError, match="leave one of the two corpora out"):
        attempt_on_copy(["emodb", "ravdess"])
    leaks = pd.read_csv(attempt_on_copy.run / "tables" / "leaks.csv")
    assert "(1 recording)" in leaks["finding"].str.cat()


@pytest.mark.parametrize("gain", [1.0, 0.5], ids=["in other files", "softer"])
def test_copies_under_another_name_are_refused_unless_accepted(attempt_on_copy, gain):
    (attempt_on_copy.raw / "mine").mkdir()
    lines = ["file,speaker,emotion"]
    for number, clip in enumerate(sorted((attempt_on_copy.raw / "emodb" / "wav").glob("*.wav"))):
        samples, rate = soundfile.read(clip)
        soundfile.write(attempt_on_copy.raw / "mine" / f"{number}.flac", np.pad(gain * samples, 99), rate)
        feeling = {"W": "anger", "E": "disgust", "A": "fear", "F": "joy", "T": "sadness", "N": "neutral"}.get(
            clip.stem[5]
        )
        lines += [f"{number}.flac,P{clip.stem[:2]},{feeling}"] if feeling else []
    (attempt_on_copy.raw / "mine" / "my.csv").write_text("\n".join(lines), encoding="utf-8")
    corpora = {"emodb": None, "esd": None, "mine": {"table": "mine/my.csv"}}
    with pytest.raises(ValueError, match=r"LOCO without emodb: .* mine too(.|\n)*LOCO without mine: .* emodb too"):
        attempt_on_copy(corpora, "01,02,04")
    leaks = pd.read_csv(attempt_on_copy.run / "tables" / "leaks.csv")
    kind = "same audio across families" if gain == 1 else "near-duplicate across families"
    assert kind in set(leaks.loc[leaks["corpora"] == "emodb + mine", "kind"])
    accepting = QUICK["evaluation"] | {"accept_duplicates": ["emodb", "mine"]}
    results = attempt_on_copy(corpora, "03,04,09", evaluation=accepting)
    assert set(results.loc[results["protocol"] == "loco", "test_corpus"]) == {"emodb", "esd", "mine"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("systems.x={model: gated, inputs: [audio, vidoe]}", "did you mean 'video'"),
        ("systems={../x: {model: gated}}", "cannot be a name"),
        ("evaluation.confidence=0", "evaluation.confidence"),
        ("evaluation.protocols=[]", "evaluation.protocols"),
        ("splits={validation: 0.5, test: 0.5}", "no training speakers"),
        ("data={min_seconds: 5, max_seconds: 1}", "min_seconds must be below"),
        ("data.max_clips=99", r"data.max_clips: 99 is below evaluation.min_clips \(100\)"),
        ("data.max_speakers=3", r"data.max_speakers: 3 is below evaluation.min_speakers \(4\)"),
    ],
)
def test_impossible_parameters_are_refused(setting, message):
    with pytest.raises(params.ParamsError, match=message):
        params.load("params/demo.yaml", [setting])
