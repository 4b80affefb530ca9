"""A checkpoint is tested on rows of any study, and its own run folder stays unchanged."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

from mer import files
from mer.corpora.synthetic import trees
from mer.evaluation import checkpoint as checkpoints
from mer.evaluation import row_selection
from mer.evaluation.__main__ import main
from mer.features.audio import mfcc
from mer.params.schema import Synthetic, Training
from mer.stats import MULTI_LABEL_METRICS
from mer.training.checkpoints import checkpoint, training_data
from mer.training.checkpoints.card import Ancestor, Card
from mer.training.checkpoints.folder import Checkpoint
from mer.training.checkpoints.lineage import rows_digest, stored_exposure
from tests.evaluation import test_protocols as made
from tests.evaluation.toy_data import as_before
from tests.studies import run_cells

mpl.use("Agg")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Two run folders: one with checkpoints of emodb and ravdess, one with the features of three corpora."""
    home = tmp_path_factory.mktemp("studies")
    trees.write(home / "raw", Synthetic(speakers=4, clips=1))
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")},
        "features": {"audio": {"n_mfcc": 13}, "text": {"dimensions": 32}},
        "systems": {
            "gated": {"model": "gated"},
            "logistic": {"model": "logistic", "inputs": ["audio"]},
            "speaker": {"model": "ridge", "inputs": ["audio"], "training": {"normalisation": "speaker"}},
            "late": {"model": "ensemble", "members": ["speaker", "gated"]},
            "several": {"model": "gated", "training": {"targets": "multi_label"}},
        },
        "training": {"epochs": 2, "hidden": 4},
        "evaluation": {"seeds": [0], "min_clips": 20},
    }
    for name, corpora, steps in (
        ("two", ["emodb", "ravdess"], "01,02,03"),
        ("three", ["emodb", "esd", "meld"], "01,02"),
    ):
        path = home / f"{name}.yaml"
        parted = {"splits": {"test": 0.5}} if name == "three" else {}  # two test speakers instead of one
        path.write_text(yaml.safe_dump(tree | parted | {"corpora": corpora}), encoding="utf-8")
        run_cells(path, home / name, steps)
        shutil.copy(path, home / name / "params.yaml")
        (home / name / "stamps").mkdir()
    plt.close("all")
    return home


def content(folder):
    return {str(p): files.digest_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def evaluate(studies, *arguments, model="logistic-seed0"):
    return main([str(studies / "two/checkpoints" / model), *map(str, arguments)])


def test_default_is_the_test_part_of_its_own_study(studies, tmp_path, capsys):
    before = content(studies / "two")
    assert evaluate(studies, "--out", tmp_path / "out", model="gated-seed0") == 0
    assert content(studies / "two") == before
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet")
    manifest = pd.read_parquet(studies / "two/data/manifest.parquet")
    wanted = manifest[manifest["exclude_reason"].isna() & (manifest["split"] == "test")]
    assert set(predicted["utterance_id"]) == set(wanted["utterance_id"])
    output = capsys.readouterr().out
    assert "no row was excluded: the model was trained and validated on none of them" in output
    assert checkpoints.ALTERED_COPIES not in output  # whose study has compared them
    assert set(predicted["overlap"]) == {""}
    known = pd.read_parquet(studies / "two/tables/steps/03_predictions.parquet")
    known = known[known["system"] == "gated"].set_index("utterance_id")["p_anger"]
    pd.testing.assert_series_equal(predicted.set_index("utterance_id")["p_anger"].loc[known.index], known)
    mine = (
        pd.read_parquet(tmp_path / "out/results.parquet").query("test_corpus == 'TestA'").set_index("answers")["value"]
    )
    both = pd.read_parquet(studies / "two/tables/steps/03_results.parquet").query("test_corpus == 'TestA'")
    theirs = both[both["system"].eq("gated") & both["seed"].isna()].set_index("answers")["value"]
    pd.testing.assert_series_equal(mine, theirs)


def test_ensemble_is_evaluated_with_the_normalisation_of_each_member(studies, tmp_path, capsys):
    assert evaluate(studies, "--out", tmp_path / "out", model="late-seed0") == 0
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet").set_index("utterance_id")
    known = pd.read_parquet(studies / "two/tables/steps/03_predictions.parquet").query("system == 'late'")
    columns = [name for name in known if name.startswith("p_")]
    known = known.set_index("utterance_id").loc[predicted.index, columns]
    np.testing.assert_allclose(predicted[columns], known, atol=1e-6)
    assert predicted["transductive"].all()
    assert not predicted["deterministic"].any()  # another seed would have given another network
    assert checkpoints.TRANSDUCTIVE in capsys.readouterr().out
    assert checkpoints.TRANSDUCTIVE in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert evaluate(studies, "--inputs", "text", "--on", studies / "three", "--out", tmp_path / "text",
                    model="late-seed0") == 0  # fmt: skip
    assert "members of the ensemble that need other inputs, too, predict nothing: speaker" in capsys.readouterr().out


def test_model_of_several_emotions_has_the_metrics_of_its_study(studies, tmp_path, capsys):
    assert evaluate(studies, "--out", tmp_path / "out", model="several-seed0") == 0
    assert "jaccard" in capsys.readouterr().out
    results = pd.read_parquet(tmp_path / "out/results.parquet")
    in_study = pd.read_parquet(studies / "two/tables/steps/03_results.parquet").query("system == 'several'")
    columns = ["test_corpus", "metric", "value", "low", "high", "chance"]
    compared = [
        table[table["metric"].isin(list(MULTI_LABEL_METRICS)) & table["seed"].isna()][columns]
        .sort_values(columns[:2]).reset_index(drop=True) for table in (results, in_study)
    ]  # fmt: skip
    assert len(compared[0]) == 2 * len(MULTI_LABEL_METRICS)
    pd.testing.assert_frame_equal(*compared)
    page = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "### Several emotions at once" in page
    assert "best constant answer" in page
    assert evaluate(studies, "--out", tmp_path / "one") == 0
    assert "Several emotions" not in (tmp_path / "one/README.md").read_text(encoding="utf-8")


def test_rows_without_the_inputs_of_the_model_are_counted(studies, tmp_path, capsys):
    assert evaluate(studies, "--inputs", "text", "--on", studies / "three", "--out", tmp_path / "out",
                    model="gated-seed0") == 0  # fmt: skip
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet")
    assert set(predicted["test_corpus"]) == {"meld"}  # the sentences of the others are read
    [esd] = [entry for entry in files.read_json(tmp_path / "out/evaluation.json")["untested"]
             if entry["corpus"] == "esd"]  # fmt: skip
    assert esd["rows"] == esd["total"] > 0
    sentence = f"esd: {esd['rows']} of {esd['rows']} rows are not tested, because they lack inputs"
    assert sentence in capsys.readouterr().out
    assert sentence in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_readme_of_a_transductive_model_says_how_to_use_it(studies):
    for name, is_transductive in (("speaker-seed0", True), ("late-seed0", True), ("logistic-seed0", False)):
        text = (studies / "two/checkpoints" / name / "README.md").read_text(encoding="utf-8")
        assert ("*transductive*" in text) == ("`--adapt speaker`" in text) == is_transductive


def test_rows_in_the_training_data_are_left_out_in_another_study(studies, tmp_path, capsys):
    """Study `three` tests two speakers of EMO-DB, one of whom trained or validated in study `two`."""
    assert evaluate(studies, "--on", studies / "three", "--out", tmp_path / "out") == 0
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet")
    ours, theirs = (pd.read_parquet(studies / f"{name}/data/manifest.parquet") for name in ("two", "three"))
    assert predicted["test_corpus"].value_counts()["esd"] == (theirs["corpus"] == "esd").sum()
    seen = set(ours.loc[(ours["corpus"] == "emodb") & ours["split"].isin(["train", "validation"]), "samples_sha256"])
    tested = theirs[(theirs["corpus"] == "emodb") & (theirs["split"] == "test")]
    unseen = tested[~tested["samples_sha256"].isin(seen)]
    assert len(unseen) < len(tested)
    assert set(predicted.loc[predicted["test_corpus"] == "emodb", "utterance_id"]) == set(unseen["utterance_id"])
    output = capsys.readouterr().out
    assert f"emodb: {len(tested) - len(unseen)} rows excluded: the model was " in output
    assert checkpoints.ALTERED_COPIES in output
    assert checkpoints.ALTERED_COPIES in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    left = pd.read_csv(tmp_path / "out/left_out.csv")
    assert left["rows"].sum() == len(tested) - len(unseen)


def test_rows_in_the_training_data_are_marked_outside_of_tests(studies, tmp_path, capsys):
    assert evaluate(studies, "--on", studies / "three", "--part", "all", "--out", tmp_path / "out") == 0
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet").set_index("utterance_id")
    manifest = pd.read_parquet(studies / "two/data/manifest.parquet").set_index("utterance_id")
    emodb = predicted[predicted["test_corpus"] == "emodb"]
    parts = manifest.loc[emodb.index, "split"].replace({"test": "", "validation": "train"}).astype("str")
    assert emodb["overlap"].tolist() == parts.tolist()
    assert set(predicted.loc[predicted["test_corpus"] != "emodb", "overlap"]) == {""}
    assert "rows are no test: the model was trained on the recording" in capsys.readouterr().out
    results = pd.read_csv(tmp_path / "out/results.csv")
    assert set(results["part"]) == {"all"}
    assert "TestA" not in set(results["test_corpus"])
    assert (results.loc[results["test_corpus"] == "emodb", "overlap"] == (parts != "").sum()).all()


def test_recordings_under_another_name_and_family_are_recognised(studies, tmp_path, capsys):
    """A table of EMO-DB's clips as FLAC after a second of silence, by speakers who are named otherwise."""
    import soundfile

    raw, rows = tmp_path / "raw", ["path,speaker,emotion"]
    (raw / "mine").mkdir(parents=True)
    manifest = pd.read_parquet(studies / "two/data/manifest.parquet").query("corpus == 'emodb' and emotion.notna()")
    for n, row in enumerate(manifest.itertuples()):
        samples, rate = soundfile.read(studies / "raw" / row.source_path, dtype="int16")
        soundfile.write(raw / f"mine/{n}.flac", np.concatenate([np.zeros(rate, np.int16), samples]), rate)
        rows.append(f"{n}.flac,person {row.speaker_id[-2:]},{row.emotion}")
    (raw / "mine/table.csv").write_text("\n".join(rows), encoding="utf-8")
    tree = yaml.safe_load((studies / "two.yaml").read_text(encoding="utf-8"))
    tree["data"]["raw"], tree["corpora"] = str(raw), {"mine": {"table": "mine/table.csv"}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    run_cells(tmp_path / "study.yaml", tmp_path / "run", "01")
    shutil.copy(tmp_path / "study.yaml", tmp_path / "run/params.yaml")
    plt.close("all")
    assert evaluate(studies, "--on", tmp_path / "run", "--out", tmp_path / "out") == 0
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet")
    tested = manifest[manifest["split"] == "test"]
    assert len(predicted) == len(tested)
    assert set(predicted["speaker_id"].str[-2:]) == set(tested["speaker_id"].str[-2:])
    assert "mine: " in (out := capsys.readouterr().out)
    assert "the model was trained on the recording" in out


def test_missing_features_are_extracted_as_the_card_describes(studies, tmp_path):
    """Step 01 alone, and a study that has other features: the same answers."""
    run = shutil.copytree(studies / "three", tmp_path / "bare")
    for name in ("features.json", "inputs.parquet"):
        (run / "data" / name).unlink()
    tree = yaml.safe_load((studies / "three.yaml").read_text(encoding="utf-8"))
    tree["data"]["store"], tree["features"] = str(tmp_path / "store"), {"audio": {"n_mfcc": 40}}
    (run / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    for where, out in ((studies / "three", "known"), (run, "fresh")):
        assert evaluate(studies, "--on", where, "--out", tmp_path / out, model="gated-seed0") == 0
    first, second = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("known", "fresh"))
    pd.testing.assert_frame_equal(first, second)
    assert len(list((tmp_path / "store").glob("mfcc-*"))) == 1


def test_excluded_modality_is_absent(studies, tmp_path, capsys):
    assert evaluate(studies, "--inputs", "audio", "--out", tmp_path / "out", model="gated-seed0") == 0
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet").set_index("utterance_id")
    known = pd.read_parquet(studies / "two/tables/steps/03_predictions.parquet")
    known = known[known["system"] == "gated"].set_index("utterance_id").loc[predicted.index]
    read_aloud = predicted["test_corpus"].isin(
        ["emodb", "ravdess"]
    )  # their text is masked: they had sound alone before
    pd.testing.assert_series_equal(predicted.loc[read_aloud, "p_anger"], known.loc[read_aloud, "p_anger"])
    assert json.loads((tmp_path / "out/evaluation.json").read_text(encoding="utf-8"))["inputs"] == ["audio"]
    assert evaluate(studies, "--inputs", "video", model="gated-seed0") == 2
    assert "reads audio, text" in capsys.readouterr().err
    assert evaluate(studies, "--inputs", ",", model="gated-seed0") == 2
    assert "names none of audio, text" in capsys.readouterr().err
    with pytest.raises(checkpoint.CheckpointError, match=r"m needs all of audio, text \(training\.missing: none\)"):
        stored(("audio", "text"), "gated").select_inputs(["audio"])
    assert stored(("audio", "text"), "logistic").select_inputs(["text"]) == ("text",)


def test_modality_selects_all_of_its_inputs_and_a_name_one_of_them():
    specs = {"audio": {"modality": "audio"}, "whisper": {"modality": "audio"}, "words": {"modality": "text"}}
    card = stored(specs, "logistic", features={name: spec | {"extractor": "mfcc"} for name, spec in specs.items()})
    assert card.select_inputs(["audio"]) == ("audio", "whisper")
    assert card.select_inputs(["whisper"]) == ("whisper",)
    assert card.select_inputs(["text"]) == ("words",)
    assert card.select_inputs(None) == tuple(specs)
    with pytest.raises(checkpoint.CheckpointError, match=r"video: .* reads audio, whisper, words"):
        card.select_inputs(["video"])


def test_confusions_and_class_scores_equal_those_of_scikit_learn(studies, tmp_path):
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    assert evaluate(studies, "--out", tmp_path / "out") == 0
    predicted = pd.read_parquet(tmp_path / "out/predictions.parquet")
    confused, measures = (pd.read_csv(tmp_path / f"out/{name}.csv") for name in ("confusion", "classes"))
    classes = [name for name in confused.columns if name in set(confused["class"])]
    for (corpus, answers), part in confused.groupby(["test_corpus", "answers"]):
        rows = predicted if corpus == "all" else predicted[predicted["test_corpus"] == corpus]
        matrix = confusion_matrix(rows["emotion"], rows[answers], labels=classes)
        assert (part.set_index("class").loc[classes, classes].to_numpy() == matrix).all()
        wanted = precision_recall_fscore_support(rows["emotion"], rows[answers], labels=classes, zero_division=np.nan)
        mine = measures[(measures["test_corpus"] == corpus) & (measures["answers"] == answers)].set_index("class")
        for name, values in zip(("precision", "recall", "F1", "support"), wanted, strict=True):
            known = ~np.isnan(values) if name != "F1" else ~mine.loc[classes, "F1"].isna().to_numpy()
            np.testing.assert_allclose(mine.loc[classes, name].to_numpy(float)[known], values[known])
    assert confused["test_corpus"].iloc[-1] == "all"
    page = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "| TestA | free |" in page
    assert (tmp_path / "out/confusion.png").stat().st_size > 5000
    assert (tmp_path / "out/classes.png").stat().st_size > 5000


def test_checkpoint_of_format_2_cannot_be_tested(studies, tmp_path, capsys):
    old = shutil.copytree(studies / "two/checkpoints/logistic-seed0", tmp_path / "old")
    as_before(old)
    assert main([str(old), "--on", str(studies / "two")]) == 2
    assert "it cannot be tested; train it again, or evaluate it with `--part all`" in capsys.readouterr().err
    assert main([str(old), "--on", str(studies / "two"), "--part", "all", "--out", str(tmp_path / "out")]) == 0
    assert set(pd.read_parquet(tmp_path / "out/predictions.parquet")["overlap"]) == {"unknown"}


def test_columns_follow_the_studys_order_of_classes(studies, tmp_path):
    assert evaluate(studies, "--out", tmp_path / "as_is") == 0
    turned = shutil.copytree(studies / "two/checkpoints/logistic-seed0", tmp_path / "turned")
    model, own = checkpoint.load(turned)
    model.weights, model.bias = model.weights[::-1], model.bias[::-1]
    card = own.card.model_copy(update={"classes": own.card.classes[::-1]})
    checkpoint.write(turned, checkpoint.tensors_of(model), card, stored_exposure(turned))
    assert main([str(turned), "--on", str(studies / "two"), "--out", str(tmp_path / "out")]) == 0
    first, second = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("as_is", "out"))
    pd.testing.assert_frame_equal(first, second)


def stored(inputs, model, **fields):
    """Return a checkpoint with a card of these inputs; a network is trained with `missing: none`."""
    training = Training(missing="none")
    card = Card(model=model, inputs=list(inputs), widths=dict.fromkeys(inputs, 1), layers={}, classes=["a"],
                training=training, **fields)  # fmt: skip
    return Checkpoint(Path("m"), card, {})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--corpora", "iemocap"], "iemocap is not in this study, which has emodb, ravdess"),
        (["--on", "nowhere"], "params.yaml does not exist"),
        (["--out", "{two}/tables"], "lies inside of the run"),
    ],
)
def test_impossible_evaluations_are_refused(studies, capsys, arguments, told):
    before = content(studies)
    assert evaluate(studies, *(a.format(two=studies / "two") for a in arguments)) == 2
    assert told in capsys.readouterr().err
    assert content(studies) == before


def test_other_classes_and_extractor_versions_are_refused(studies, monkeypatch):
    study = row_selection.open_study(studies / "two")
    folder = studies / "two/checkpoints/gated-seed0"
    from dataclasses import replace

    with pytest.raises(row_selection.IncompatibleCheckpoint, match="the model predicts neutral"):
        checkpoints.evaluate(folder, replace(study, classes=("neutral", "anger")))
    monkeypatch.setattr(mfcc, "EXTRACTOR", replace(mfcc.EXTRACTOR, version=99))
    with pytest.raises(checkpoint.CheckpointError, match=r"audio was extracted with version"):
        checkpoints.evaluate(folder, study)


def test_speakers_and_sentences_of_a_family_are_left_out():
    kin = [made.corpus(name, family, 8) for name, family in (("ravdess",) * 2, ("song", "ravdess"), ("x", "x"))]
    rows = made.manifest(*kin)
    own = rows["corpus"] == "ravdess"
    parts = [np.flatnonzero(own & (rows["split"] == part)) for part in ("train", "validation")]
    rows.loc[rows["corpus"] == "song", "split"] = "test"  # whoever sings, as in a study that parts them otherwise
    known = training_data.exposure_of(rows, *parts)
    study = SimpleNamespace(usable=rows, manifest=rows)
    card = stored(("audio",), "ridge", families=["ravdess"], corpora=["ravdess"], rows_sha256="0" * 64).card
    predicted = row_selection.select_rows(card, known, study, (), "auto")
    speaker = rows["speaker_id"].str.rpartition("_")[2]
    trained = set(speaker[np.concatenate(parts)])
    assert set(speaker[predicted.rows][rows["family"][predicted.rows] == "ravdess"]) == set(speaker[own]) - trained
    assert (rows["corpus"][predicted.rows] == "x").sum() == (rows["corpus"] == "x").sum()  # others of the same names
    assert predicted.left_out.to_dict("records") == [
        {"corpus": "song", "overlap": "speaker", "rows": 12 * len(trained)}
    ]
    some = rows.assign(transcription="this is what everybody says here", fold=None, dialogue_id=rows["utterance_id"])
    told = training_data.exposure_of(some, *parts)
    left = row_selection.select_rows(card, told, SimpleNamespace(usable=some, manifest=some), ("song",), "all").overlap
    assert set(left[some["corpus"] == "song"]) == {"speaker", "sentence"}
    sung = some[some["corpus"] == "song"]
    told_ = checkpoints._shared_speaker_lines(told, sung, pd.DataFrame({"overlap": [""] * len(sung)}))
    heard = 12 * len(trained)
    assert told_ == [
        f"song: {heard} of 96 rows are of speakers in the training data, because the published parts share them"
    ]
    with pytest.raises(
        row_selection.IncompatibleCheckpoint, match="the model was trained on all 96 of them, or on their speakers"
    ):
        row_selection.select_rows(card, told, SimpleNamespace(usable=some, manifest=some), ("song",), "test")


def test_sentences_of_an_ancestor_are_left_out_in_the_study_of_the_model():
    """Its own test part may repeat sentences of its training part. Those of another corpus were never removed."""
    rows = made.manifest(*(made.corpus(name, "friends", 3, official=True) for name in ("meld", "emorynlp")),
                         official=["meld", "emorynlp"])  # fmt: skip
    rows["transcription"] = [f"that is what {name.partition('/')[2]} said today" for name in rows["utterance_id"]]
    rows["dialogue_id"] = rows["utterance_id"].where(rows["corpus"] == "meld", "another")
    own, other = (rows[rows["corpus"] == name].reset_index(drop=True) for name in ("meld", "emorynlp"))
    parts = [np.flatnonzero(own["split"] == part) for part in ("train", "validation")]
    known, study = training_data.exposure_of(own, *parts), SimpleNamespace(usable=own, manifest=own)
    fields = {"families": ["friends"], "corpora": ["meld"], "rows_sha256": rows_digest(own.iloc[np.concatenate(parts)])}
    card = stored(("text",), "gated", **fields).card
    tested = row_selection.select_rows(card, known, study, (), "auto")
    assert len(tested.rows) == (own["split"] == "test").sum()
    first = Ancestor(lineage="whole", families=["friends"], corpora=["emorynlp"], training_rows={"train": {}})
    started = card.model_copy(update={"ancestors": [first]})
    known = known.merged(training_data.exposure_of(other, np.arange(len(other)), np.arange(0)))
    with pytest.raises(row_selection.IncompatibleCheckpoint, match="the model was trained on all 12 of them"):
        row_selection.select_rows(started, known, study, (), "auto")


def test_networks_trained_on_test_corpora_are_named():
    hartmann = {"modality": "text", "parameter": "features.text.model", "place": "hub",
                "name": "j-hartmann/emotion-english-distilroberta-base"}  # fmt: skip
    specs = {"audio": {"extractor": "mfcc"}, "text": {"extractor": "encoder"}}
    card = stored(specs, "ridge", features=specs, encoders=[hartmann]).card
    friends, others = (pd.DataFrame({"family": [family]}) for family in ("friends", "emodb"))
    assert "was trained on friends (its model card, commit ab82646)" in checkpoints._network_lines(card, friends)[0]
    assert "is unknown" in checkpoints._network_lines(card, others)[0]
    handmade = stored(("audio",), "ridge", features={"audio": specs["audio"]}, encoders=[]).card
    assert checkpoints._network_lines(handmade, friends) == ()


def test_folder_without_checkpoint_is_refused(studies, tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "there is no model.json" in capsys.readouterr().err
