"""The tables of docs/scaling.md are those of the measurements."""

import copy

import pytest

from benchmarks import scaling
from mer import files, params


def measured(rows, seconds, **numbers):
    steps = {step: {"seconds": seconds, "peak_mb": 300} for step in scaling.STEPS}
    return {"numbers": scaling.BASE | numbers, "rows": rows, "hours": rows / 1000, "store_mb": 12.3, "steps": steps}


MEASURED = [
    measured(4000, 41.0, utterances=4000),
    measured(1000, 10.0, utterances=1000),
    measured(1000, 9.0, workers=1),
]


def test_a_table_has_one_axis_in_order_and_the_power_of_growth():
    lines = scaling.table(MEASURED, "utterances").splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["1,000", "4,000", "*power*"]
    assert "41.0 s, 300 MB" in lines[3]
    assert lines[4].count("1.02") == len(scaling.STEPS)
    assert "9.0 s" not in "\n".join(lines)
    assert "9.0 s" in scaling.table(MEASURED, "workers")
    assert scaling.table([], "corpora") == "*not measured yet*"


def test_no_power_is_stated_of_a_step_that_hardly_grows():
    flat = copy.deepcopy(MEASURED)
    flat[0]["steps"]["09"]["seconds"] = 10.5
    assert "–" in scaling.table(flat, "utterances").splitlines()[-1]


def test_the_page_keeps_its_text_and_gets_the_tables(tmp_path, monkeypatch):
    page = tmp_path / "scaling.md"
    text = scaling.PAGE.read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(scaling, "PAGE", page)
    content = {"machine": "2 cores, Linux", "date": "2026-11-30", "measured": MEASURED}
    scaling.write_page(content)
    scaling.write_page(content)
    written = page.read_text(encoding="utf-8")
    assert "Measured on 2 cores, Linux (2026-11-30)." in written
    assert written.count("41.0 s, 300 MB") == len(scaling.STEPS)
    assert written.count("<!-- end -->") == text.count("<!-- end -->") == 1 + len(scaling.AXES)
    assert "## Several machines" in written


@pytest.mark.parametrize("numbers", scaling.series({"corpora": [2], "systems": [6], "utterances": [100_000]}))
def test_the_measured_studies_are_valid(tmp_path, numbers):
    import yaml

    path = tmp_path / "scaling.yaml"
    path.write_text(yaml.safe_dump(scaling.study(numbers, tmp_path)), encoding="utf-8")
    loaded = params.load(path)
    assert (len(loaded.corpora), len(loaded.systems)) == (numbers["corpora"], numbers["systems"])
    assert files.from_root(loaded.data.store).is_relative_to(tmp_path)
