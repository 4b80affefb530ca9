"""Tables, figures and the datasheet that a paper takes from a finished run."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from mer.corpora import selected
from mer.dataset.manifest import schema
from mer.evaluation.comparison import comparison
from mer.evaluation.scores import flags, scores
from mer.evaluation.scores.confusions import Scoring
from mer.report import __main__ as command
from mer.report.export import audiofolder, croissant, datasheet, figures, latex, tables

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
    assert all((tmp_path / "out" / name).is_file() for name in ("datasheet.md", "croissant.json", "metadata.csv"))
    assert "tables and figures" in capsys.readouterr().out
    (run / "tables/results.parquet").unlink()
    assert command.main([str(run), "--out", str(tmp_path / "out")]) == 2
    assert "tables/results.parquet does not exist" in capsys.readouterr().err
    assert command.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
