from datetime import date

import pytest
import yaml

import mer
from mer import files, params
from mer.params import output_check
from mer.params import run as run_module


def study(tmp_path, text="corpora: [emodb]\n"):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_study_in_the_repository_is_valid():
    for path in sorted((files.ROOT / "params").glob("*.yaml")):
        assert params.load(path).name == path.stem


def test_resolved_parameters_are_complete_and_load_to_the_same(tmp_path):
    loaded = params.load(study(tmp_path), ["training.epochs=3", "steps=[01, 9]"])
    assert loaded.steps == ("01", "09")
    written = tmp_path / "params.yaml"
    written.write_text(params.dump(loaded), encoding="utf-8")
    assert params.load(written) == loaded
    assert set(yaml.safe_load(written.read_text())) == set(params.Params.model_fields)


def test_all_problems_are_reported_with_the_nearest_name(tmp_path):
    sets = ["training.epoch=3", "trainin.x=1", "compute.device=cpuu", "evaluation.seeds=[1, 1]", "nonsense"]
    with pytest.raises(params.ParamsError) as caught:
        params.load(study(tmp_path), sets)
    text = str(caught.value)
    for part in ("training.epoch", "'epochs'", "'training'", "'cpu'", "named twice", "--set nonsense"):
        assert part in text
    assert len(caught.value.problems) == 5


def test_run_folder_belongs_to_one_study(tmp_path):
    assert params.load(study(tmp_path)).study == "mine"
    other = params.load(study(tmp_path), ["training.epochs=3"], name="quick")
    assert (other.name, other.study) == ("quick", "mine")
    (tmp_path / "params.yaml").write_text(params.dump(other), encoding="utf-8")
    assert params.load(tmp_path / "params.yaml").study == "mine"  # of a run folder, whatever the file is called


def test_misspelt_parameter_of_a_system_is_reported(tmp_path):
    with pytest.raises(params.ParamsError, match="did you mean 'inputs'"):
        params.load(study(tmp_path), ["systems.mine={model: gated, input: [audio]}"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "not readable as YAML"),
        ("- 1\n", "top level"),
        ("", "top level"),
        ("corpora: [emodb]\ntraining: {learning_rate: .nan}\n", "training.learning_rate"),
        ("training: {epochs: 3}\n", "corpora: is required"),
        ("corpora: [emodb]\ntraining:\n  epochs: 3\n  epochs: 4\n", "`epochs` is in line 3 and again in line 4"),
        ("corpora: [emodb]\ncorpora: [ravdess]\n", "`corpora` is in line 1 and again in line 2"),
        ("corpora: {emodb: , emodb: }\n", "`emodb` is in line 1 and again in line 1"),
        ("corpora: {mine: {table: a.csv, labels: {1: anger, 1: fear}}}\n", "`1` is in line 1"),
    ],
)
def test_unreadable_or_wrong_files_are_named(tmp_path, text, message):
    with pytest.raises(params.ParamsError, match=message) as caught:
        params.load(study(tmp_path, text))
    assert "mine.yaml" in str(caught.value)


def test_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00corpora")
    with pytest.raises(params.ParamsError, match=r"mine\.yaml"):
        params.load(path)


def test_message_for_a_missing_file_names_existing_studies():
    with pytest.raises(params.ParamsError, match=r"params/demo\.yaml"):
        params.load("params/dmeo.yaml")


def test_step_has_its_declared_sections_only(tmp_path, monkeypatch):
    monkeypatch.setenv(run_module.RUN_FOLDER, str(tmp_path))
    run = params.open_run(str(study(tmp_path)), uses=("training",), reads=("data/a.csv", "tables"), writes=("out",))
    assert run.params.training.epochs == 40
    with pytest.raises(params.UndeclaredAccess, match="data"):
        _ = run.params.data
    with pytest.raises(params.UndeclaredAccess, match=r"other\.csv"):
        run.write("other.csv")
    with pytest.raises(params.MissingInput, match=r"run_all\.py"):
        run.read("tables/x.parquet")
    assert run.write("out/x.csv") == tmp_path / "out" / "x.csv"


def test_notebook_in_jupyterlab_writes_to_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(run_module.RUN_FOLDER, raising=False)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    home = tmp_path / "outputs" / "mine"
    files.write_text(home / "a.txt", "run")
    run = params.open_run(str(study(tmp_path)), uses=(), reads=("a.txt",), writes=("a.txt",))
    assert run.interactive
    assert run.read("a.txt").read_text() == "run"
    files.write_text(run.write("a.txt"), "by hand")
    assert run.read("a.txt").read_text() == "by hand"
    assert (home / "a.txt").read_text() == "run"


def test_message_of_a_validator_has_no_prefix(tmp_path):
    (tmp_path / "x.yaml").write_text("corpora: {mine: {table: ../my.csv}}")
    with pytest.raises(params.ParamsError) as error:
        params.load(tmp_path / "x.yaml")
    expected = "corpora.mine.table: must be below data.raw: a relative path without .., not '../my.csv'"
    assert error.value.problems == [expected]


def test_an_edited_output_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv(run_module.RUN_FOLDER, str(tmp_path))
    run = params.open_run(str(study(tmp_path)), uses=(), reads=("data/a.csv", "parts"))
    files.write_text(tmp_path / "data/a.csv", "0.5")
    files.write_text(tmp_path / "parts/b.csv", "0.5")
    digest = files.digest_file(tmp_path / "data/a.csv")
    outputs = {"data/a.csv": digest, "parts": "of a folder", "parts/b.csv": digest}
    stamp = tmp_path / "stamps/02_b.json"
    for state, entries in (("done", outputs), ("started", None)):
        files.write_json(stamp, {"state": state, "outputs": entries})
        assert run.read("data/a.csv").read_text() == "0.5"
    files.write_text(tmp_path / "data/a.csv", "0.9")
    assert run.read("data/a.csv").read_text() == "0.9"  # it is being written: what it will be is not known yet
    files.write_json(stamp, {"state": "done", "outputs": outputs})
    with pytest.raises(output_check.OutputChanged, match=r"a\.csv: was changed after 02_b wrote it; run step 02 again"):
        run.read("data/a.csv")
    assert run.read("parts/b.csv").read_text() == "0.5"
    files.write_text(tmp_path / "parts/b.csv", "0.9")
    with pytest.raises(output_check.OutputChanged):
        run.read("parts/b.csv")
    stamp.write_text("{")
    assert run.read("parts/b.csv").read_text() == "0.9"


def test_notebook_of_another_clone_is_told_whose_package_it_uses(tmp_path, monkeypatch):
    files.write_text(tmp_path / "clone/mer/files.py", "")
    (tmp_path / "clone/notebooks").mkdir()
    monkeypatch.delenv(run_module.RUN_FOLDER, raising=False)
    monkeypatch.chdir(tmp_path / "clone/notebooks")
    with pytest.warns(UserWarning, match=r"this notebook is in .*clone, but `import mer` takes the package of .*"):
        params.open_run("params/demo.yaml", uses=())
    with pytest.warns(UserWarning, match=r"pip install -e .*clone"):
        mer.study_map()
    monkeypatch.chdir(files.ROOT / "notebooks")
    params.open_run("params/demo.yaml", uses=())
    mer.study_map()


def test_day_of_a_run_is_that_of_the_runner_or_today(monkeypatch):
    monkeypatch.setenv(run_module.DAY, "2024-02-29")
    assert params.open_run("params/demo.yaml", uses=()).day == "2024-02-29"
    monkeypatch.delenv(run_module.DAY)
    assert date.fromisoformat(params.open_run("params/demo.yaml", uses=()).day) <= date.today()


def test_a_flipped_byte_of_a_runs_parameters_is_noticed(tmp_path):
    written = tmp_path / "params.yaml"
    content = params.dump(params.load(study(tmp_path), ["training.epochs=31"]))
    written.write_text(content.replace("epochs: 31", "epochs: 30"), encoding="utf-8")
    with pytest.raises(params.ParamsError, match=r"not those that the run wrote.*delete the last line"):
        params.load(written)
    written.write_text(content.replace("epochs: 31", "epochs: 30").rpartition("#")[0], encoding="utf-8")
    assert params.load(written).training.epochs == 30  # the user's own change


def test_a_removed_output_is_not_taken_for_an_optional_one(tmp_path, monkeypatch):
    """A report would silently lack the results of the step."""
    monkeypatch.setenv(run_module.RUN_FOLDER, str(tmp_path))
    run = params.open_run(str(study(tmp_path)), uses=(), reads=("tables",))
    assert not run.has("tables/a.csv")
    files.write_json(tmp_path / "stamps/04_b.json", {"state": "done", "outputs": {"tables/a.csv": "abc"}})
    with pytest.raises(output_check.OutputChanged, match=r"a\.csv: was removed after 04_b wrote it; run step 04 again"):
        run.has("tables/a.csv")
