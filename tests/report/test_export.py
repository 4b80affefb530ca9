"""Tables, figures and the datasheet that a paper takes from a finished run."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from mer.corpora import CORPORA, selected
from mer.corpora.own import tables as own_tables
from mer.dataset.manifest import schema
from mer.evaluation.comparison import comparison
from mer.evaluation.scores import flags, scores
from mer.evaluation.scores.confusions import Scoring
from mer.params.schema import Params
from mer.report import __main__ as command
from mer.report.export import audformat, audiofolder, bibtex, croissant, datasheet, figures, latex, mlflow_run, tables

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


@pytest.fixture(scope="module")
def predictions():
    """Predictions of two systems on two held-out corpora."""
    random, n = np.random.default_rng(0), 140
    truth = np.array(CLASSES)[np.arange(n) % 7]
    rows = []
    for system, share in (("a_b", 0.7), ("c", 0.3)):
        guess = np.where(random.random(n) < share, truth, np.array(CLASSES)[random.integers(0, 7, n)])
        shares = {f"p_{name}": np.where(guess == name, 0.4, 0.1) for name in CLASSES}
        rows.append(pd.DataFrame({
            "utterance_id": [f"u{i}" for i in range(n)], "test_corpus": np.where(np.arange(n) < 70, "emodb", "ravdess"),
            "emotion": truth, "speaker_id": [f"s{i % 5}" for i in range(n)], "system": system, "seed": 0, "free": guess,
            "restricted": guess, "protocol": "loco", "train_corpora": "x", "dialogue_id": None,
            "lacks": "", "deterministic": True, **dict.fromkeys(flags.FLAGS, False), **shares,
        }))  # fmt: skip
    table = pd.concat(rows, ignore_index=True)
    return table.assign(family=table["test_corpus"])


@pytest.fixture(scope="module")
def scored(predictions):
    scoring = Scoring(CLASSES, {"emodb": "speaker_id", "ravdess": "speaker_id"})
    return scores.score(predictions, scoring, study="t"), comparison.compare(predictions, scoring, "c")


def compiles(text):
    """Whether braces and environments are balanced, and each row has as many cells as columns."""
    bare = re.sub(r"\\[{}\\&%$#_]", "", text)
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    opened = []
    for kind, name in environments:
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    columns = len(re.search(r"\\begin\{tabular\}\{(l+)\}", text)[1])
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    cells = {len(re.split(r"(?<!\\)&", line)) for line in rows}
    return not opened and bare.count("{") == bare.count("}") and cells == {columns}


def test_tables_have_scores_with_intervals_in_latex(scored, predictions, tmp_path):
    results, differences = scored
    paths = tables.write(tmp_path, results, predictions, differences)
    names = {path.stem for path in paths}
    assert {"uar_loco_free", "uar_loco_restricted", "wa_loco_free", "loco", "differences"} <= names
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert compiles(text), text
        assert path.with_suffix(".csv").is_file()
    uar = (tmp_path / "uar_loco_free.tex").read_text(encoding="utf-8")
    row = results.query("system == 'a_b' and test_corpus == 'emodb' and answers == 'free' and metric == 'UAR'")
    [value] = row[row["seed"].isna()]["value"]
    assert f"{value:.3f}".removeprefix("0") + " [" in uar
    assert r"a\_b" in uar
    assert r"\toprule" in uar


def test_latex_escapes_what_corpora_may_contain():
    frame = pd.DataFrame({"a & b": ["50 %", "$x_1$", None], "{": ["\\input{x}", "#", "[1]"]})
    text = latex.booktabs(frame, "100 % of ~", "t")
    assert compiles(text)
    assert r"\textbackslash{}input\{x\}" in text
    assert latex.booktabs(pd.DataFrame({"x": ["[2]"]}), "", "t").count("{}[2]") == 1


def test_figures_have_three_kinds_and_their_data(scored, predictions, tmp_path):
    results, differences = scored
    paths = figures.write(tmp_path, results, predictions, differences, list(CLASSES))
    names = {path.stem for path in paths}
    assert names == {"loco_free", "loco_restricted", "confusion_a_b", "confusion_c", "differences"}
    for name in names:
        assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    data = pd.read_csv(tmp_path / "loco_free.csv")
    assert set(data["system"]) == {"a_b", "c"}
    assert {"value", "low", "high", "chance"} <= set(data)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    figures.write(tmp_path, results, predictions, differences, list(CLASSES))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture(scope="module")
def rows():
    base = {"corpus": "emodb", "family": "emodb", "emotion_raw": "W", "audio_ok": True, "too_short": False,
            "too_long": False, "language": "de"}  # fmt: skip
    return schema.typed([
        base | {"utterance_id": f"emodb/{n}", "speaker_id": f"emodb_{n % 2}", "gender": ("male", "female")[n % 2],
                "duration": 1800.0, "emotion": "anger", "split": ("train", "test")[n % 2],
                "exclude_reason": "unreadable | file" if n == 5 else None}
        for n in range(6)
    ])  # fmt: skip


def test_datasheet_counts_what_the_manifest_has(rows):
    text = datasheet.text("x", rows, selected(["emodb", "ravdess"]))
    assert "5 utterances of 2 speakers in 1 corpora, 2.5 hours of audio. Languages: de." in text
    assert "| emodb | 5 | 1 | 2 | 2.5 | 1 | 1 | 1 |" in text
    assert "| unreadable \\| file | 1 |" in text
    assert "EMO-DB" in text
    assert "RAVDESS" not in text  # no row is of it


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_is_valid_and_gives_the_rows(rows, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant")
    schema.save(rows, tmp_path / "manifest.parquet")
    path = croissant.write(tmp_path / "out", "x", tmp_path / "manifest.parquet", selected(["emodb"]))
    dataset = mlcroissant.Dataset(path)
    assert not dataset.metadata.ctx.issues.errors
    records = list(dataset.records("utterances"))
    assert len(records) == len(rows)
    assert records[0]["utterances/utterance_id"] in (b"emodb/0", "emodb/0")


def test_audiofolder_names_the_files_of_usable_rows(rows, tmp_path):
    listed = rows.assign(source_path=[f"emodb/wav/{n}.wav" for n in range(6)], audio_sha256="0" * 64)
    table = pd.read_csv(audiofolder.write(tmp_path, listed))
    assert table["file_name"].tolist() == [f"emodb/wav/{n}.wav" for n in range(5)]
    assert {"emotion", "speaker_id", "split"} <= set(table)


def test_command_exports_a_run_folder_and_leaves_it_as_it_is(scored, predictions, rows, tmp_path, capsys):
    results, differences = scored
    run = tmp_path / "run"
    (run / "tables").mkdir(parents=True)
    (run / "data").mkdir()
    (run / "params.yaml").write_text(yaml.safe_dump({"name": "run", "corpora": ["emodb", "ravdess"]}))
    schema.save(rows, run / "data/manifest.parquet")
    schema.save(results, run / "tables/results.parquet")
    schema.save(predictions, run / "tables/predictions.parquet")
    differences.to_csv(run / "tables/comparison.csv", index=False)
    before = sorted(run.rglob("*"))
    assert command.main([str(run), "--out", str(tmp_path / "out")]) == 0
    assert sorted(run.rglob("*")) == before
    assert (tmp_path / "out/tables/loco.tex").is_file()
    assert (tmp_path / "out/figures/differences.pdf").is_file()
    assert all((tmp_path / "out" / name).is_file() for name in ("datasheet.md", "croissant.json", "metadata.csv",
                                                                     "citations.bib", "audformat/db.yaml"))  # fmt: skip
    assert "tables and figures" in capsys.readouterr().out
    (run / "tables/results.parquet").unlink()
    assert command.main([str(run), "--out", str(tmp_path / "out")]) == 2
    assert "tables/results.parquet does not exist" in capsys.readouterr().err
    assert command.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2


def test_citations_are_entries_of_bibtex(tmp_path):
    speech = {"modality": "audio", "extractor": "encoder", "model": "openai/whisper-tiny.en", "layer": 2}
    study = Params(name="x", corpora={"emodb": {}}, features={"speech": speech})
    text = bibtex.text(study, CORPORA.values())
    keys = [key for _, key in re.findall(r"@(\w+)\{([^,]+),", text)]
    assert len(keys) == len(set(keys))
    assert {"mer", "ryumina2025", "emodb", "ravdess", "openai-whisper-tiny.en"} <= set(keys)
    assert "ravdess_song" not in keys  # it has the citation of ravdess
    for entry in text.split("\n\n"):
        assert entry.count("{") == entry.count("}")
    assert "author = {Vryzas and others}" in text
    assert "author = {Gournay and Lahaie and Lefebvre}" in text
    assert "author = {{Bagher Zadeh} and others}" in text
    assert "journal = {PLoS ONE},\n  volume = {13},\n  number = {5},\n  pages = {e0196391}" in text
    assert "eprint = {1910.13801}" in text
    assert "doi = {10.5683/SP2/E8H2MF}" in text
    assert "doi = {10.1016/j.patrec.2025.02.024}" in text
    assert [name for name, corpus in CORPORA.items() if "note = {" in bibtex._of_citation(name, corpus.citation)] == []
    assert "note = {my 5 \\% own}" in bibtex._of_citation("mine", "my 5 % own")


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # in audformat
def test_audformat_database_is_read_by_audformat_and_by_mer(rows, tmp_path):
    audformat_package = pytest.importorskip("audformat")
    listed = rows.assign(source_path=[f"emodb/wav/{n // 2}.wav" for n in range(6)], audio_sha256="0" * 64)
    listed.loc[:3, "start"] = [0.0, 1.5, 0.0, 2.25]
    listed.loc[:3, "end"] = [1.5, 3.0, 2.25, 4.0]
    path = audformat.write(tmp_path, "x", listed, CLASSES, list(selected(["emodb"]).values()))
    database = audformat_package.Database.load(path.parent)
    assert database["files"].df.index.tolist() == ["emodb/wav/2.wav"]
    assert len(database["segments"]) == 4
    times = database["segments"].df.reset_index()["end"].dt.total_seconds()
    assert times.tolist() == [1.5, 3.0, 2.25, 4.0]
    assert database["files"]["emotion"].get().tolist() == ["anger"]
    read = [row.cells for row in own_tables.rows(tmp_path, path)]
    assert {(row["file"], own_tables.seconds(row["start"]), row["speaker"], row["label"]) for row in read} == {
        ("emodb/wav/0.wav", 0.0, "emodb_0", "W"), ("emodb/wav/0.wav", 1.5, "emodb_1", "W"),
        ("emodb/wav/1.wav", 0.0, "emodb_0", "W"), ("emodb/wav/1.wav", 2.25, "emodb_1", "W"),
        ("emodb/wav/2.wav", None, "emodb_0", "W"),
    }  # fmt: skip


def test_learning_curves_are_copied(tmp_path):
    curves = pd.DataFrame({"run": ["a, seed 0"], "epoch": [1], "corpus": ["mean"], "metric": ["UAR"], "value": [0.5]})
    [path] = tables.write_curves(tmp_path, {"training_curves": curves})
    pd.testing.assert_frame_equal(pd.read_csv(path), curves)


def test_metrics_of_mlflow_are_means_with_bounds(scored):
    results, _ = scored
    named = mlflow_run.metrics(results)
    [row] = results.query("system == 'c' and test_corpus == 'emodb' and answers == 'free' and metric == 'UAR' and "
                          "seed.isna()").to_dict("records")  # fmt: skip
    assert named["loco/free/UAR/c/emodb"] == row["value"]
    assert named["loco/free/UAR/c/emodb low"] == row["low"]
    assert all(re.fullmatch(r"[\w./ -]+", name) for name in named)


def test_missing_mlflow_is_named_with_its_remedy(scored, tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_run, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install mlflow"):
        mlflow_run.log(Params(name="x", corpora={"emodb": {}}), scored[0], {}, tmp_path, "")
