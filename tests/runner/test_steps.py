"""The declarations of notebooks, and the selection and order of steps."""

import dataclasses

import pytest

from mer.runner import StudyError
from mer.runner.staleness.status import problems, status_rows
from mer.runner.steps import notebook
from mer.runner.steps.schedule import parse_numbers, required_steps, select_steps


def test_a_step_is_read_from_its_notebook(toys):
    toys.add(
        "03_train_fusion", "%matplotlib inline\nx = 1", uses=["training"], reads=["data/a"], writes=["checkpoints"]
    )
    step = notebook.read(toys.path("03_train_fusion"))
    assert (step.number, step.title, step.subtitle) == ("03", "Title of 03", "One line.")
    assert (step.uses, step.reads, step.writes) == (("training",), ("data/a",), ("checkpoints",))


def test_headings_are_the_nearest_above_and_not_comments_in_code():
    cells = [
        {"cell_type": "markdown", "source": ["# A *title*\n", "text\n", "```\n", "# no heading\n", "```"]},
        {"cell_type": "code", "source": "# comment"},
        {"cell_type": "markdown", "source": "only text"},
        {"cell_type": "markdown", "source": "### Deep [link](x)"},
    ]
    assert notebook.headings(cells) == ["A title", "A title", "A title", "Deep link"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("open_run(params_file, writes=names)", "writes"),
        ("x = 1", "no cell calls open_run"),
        ("open_run(params_file,", "not Python"),
    ],
)
def test_an_unreadable_declaration_names_the_file_and_the_remedy(toys, body, message):
    toys.add("01_a_b")
    toys.edit("01_a_b", lambda cells: cells[2].update(source=body))
    with pytest.raises(StudyError, match=r"01_a_b\.ipynb.*" + message):
        notebook.read(toys.path("01_a_b"))


def test_a_parameter_that_no_cell_declares_is_refused_before_anything_runs(toys):
    toys.add("01_a_b", parameter="parameter_file")
    with pytest.raises(StudyError, match="params_file"):
        toys.run()
    assert not toys.study.folder.exists()


def test_ranges_of_steps():
    assert parse_numbers("03,05-07") == {"03", "05", "06", "07"}
    for wrong in ("", "3-", "7-5", "a", "003"):
        with pytest.raises(StudyError, match="--steps"):
            parse_numbers(wrong)


def test_steps_follow_those_that_they_read_from(toys):
    toys.add("01_make_it", reads=["tables/parts"], writes=["out"])
    toys.add("02_take_it", writes=["tables/parts/02.csv"])
    toys.add("03_by_itself", writes=["tables/partsx"])
    steps = select_steps(toys.study)
    assert [step.number for step in steps] == ["02", "03", "01"]
    assert required_steps(toys.study, steps) == {"01": {"02"}, "02": set(), "03": set()}


def test_the_first_reader_of_generated_data_writes_them(toys, tmp_path):
    toys.add("01_make_it", reads=["raw"], writes=["a"])
    toys.add("02_take_it", reads=["raw"], writes=["b"])
    toys.change(external={"raw": (tmp_path, True)})
    assert required_steps(toys.study, select_steps(toys.study))["02"] == {"01"}


def test_steps_are_selected_by_number(toys):
    for name in ("01_a_b", "02_a_b", "05_not_listed"):
        toys.add(name)
    toys.change(steps=("01", "02"))
    assert [s.number for s in select_steps(toys.study, start="02")] == ["02"]
    assert [s.number for s in select_steps(toys.study, {"01", "05"})] == ["01", "05"]
    states = {row.number: row.state for row in status_rows(toys.study)}
    assert states == {"01": "will run", "02": "will run", "05": "not listed"}


def test_all_problems_are_reported_at_once(toys):
    toys.add("01_a_b", uses=["trainign"])
    toys.change(steps=("01", "04", "06"))
    lines = problems(toys.study, start="09")
    assert [any(word in line for line in lines) for word in ("step 04", "step 06", "--from 09", "trainign")] == [
        True
    ] * 4
    assert {row.number: row.state for row in status_rows(toys.study)}["04"] == "absent"


def test_a_circle_and_a_doubled_number_are_refused(toys):
    toys.add("01_a_b", reads=["b"], writes=["a"])
    toys.add("02_a_b", reads=["a"], writes=["b"])
    assert "wait for each other" in problems(toys.study)[0]
    toys.add("02_c_d")
    assert "already that of 02_a_b" in problems(toys.study)[0]


def test_a_study_is_immutable(toys):
    with pytest.raises(dataclasses.FrozenInstanceError):
        toys.study.name = "x"
