"""The tables of docs/scaling.md are those of the measurements."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import yaml

from benchmarks import load, load_corpora, scaling
from mer import corpora, files, params
from mer.dataset.manifest import build
from mer.media import audio


def costs(seconds):
    return {step: {"seconds": 2 * seconds, "processor_seconds": seconds, "peak_mb": 300} for step in scaling.STEPS}


def measured(rows, seconds, **numbers):
    steps = costs(seconds)
    return {"numbers": scaling.BASE | numbers, "rows": rows, "hours": rows / 1000, "store_mb": 12.3, "steps": steps}


MEASURED = [
    measured(4000, 41.0, utterances=4000),
    measured(1000, 10.0, utterances=1000),
    measured(1000, 9.0, workers=1),
]
LOAD = [{"utterances": 3000 * 2**n, "store_mb": 20.0, "steps": costs(20.0 * 2**n)} for n in (1, 0, 2)]


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
    flat[0]["steps"]["09"]["processor_seconds"] = 10.5
    assert "–" in scaling.table(flat, "utterances").splitlines()[-1]


def test_the_table_of_the_load_has_the_power_of_each_doubling():
    lines = scaling.load_table(LOAD).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["3,000", "*power*", "6,000", "*power*", "12,000"]
    assert lines[3].count("1.00") == lines[5].count("1.00") == len(scaling.STEPS)
    assert "40.0 s, 300 MB" in lines[4]
    assert "480 s" in lines[4]
    assert len({line.count("|") for line in lines}) == 1


def test_the_page_keeps_its_text_and_gets_the_tables(tmp_path, monkeypatch):
    page = tmp_path / "scaling.md"
    text = scaling.PAGE.read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(scaling, "PAGE", page)
    content = {"machine": "2 cores, Linux", "date": "2026-11-30", "measured": MEASURED}
    scaling.write_page(content, {"measured": LOAD})
    scaling.write_page(content, {"measured": LOAD})
    written = page.read_text(encoding="utf-8")
    assert "Measured on 2 cores, Linux (2026-11-30)." in written
    assert written.count("41.0 s, 300 MB") == len(scaling.STEPS)
    assert written.count("<!-- end -->") == text.count("<!-- end -->") == 2 + len(scaling.AXES)
    assert "## Several machines" in written


@pytest.mark.parametrize("numbers", scaling.series({"corpora": [2], "systems": [6], "utterances": [100_000]}))
def test_the_measured_studies_are_valid(tmp_path, numbers):
    path = tmp_path / "scaling.yaml"
    path.write_text(yaml.safe_dump(scaling.study(numbers, tmp_path)), encoding="utf-8")
    loaded = params.load(path)
    assert (len(loaded.corpora), len(loaded.systems)) == (numbers["corpora"], numbers["systems"])
    assert files.from_root(loaded.data.store).is_relative_to(tmp_path)


def test_the_corpora_of_the_load_are_half_in_containers_and_all_read(tmp_path):
    load_corpora.write(tmp_path / "raw", 160)
    path = tmp_path / "load.yaml"
    path.write_text(yaml.safe_dump(load.study(tmp_path)), encoding="utf-8")
    loaded = params.load(path)
    dataset = build.build(tmp_path / "raw", corpora.of_study(loaded), build.BuildOptions.of_study(loaded))
    rows = dataset.manifest
    assert (len(rows), rows["exclude_reason"].notna().sum(), len(dataset.problems)) == (160, 0, 0)
    assert rows["start"].notna().sum() == 80
    assert rows["source_path"].nunique() == 80 + 10 * load_corpora.CONTAINERS
    assert rows["duration"].round(3).unique().tolist() == [0.5]
    assert rows["samples_sha256"].nunique() == 160
    [first] = rows[rows["utterance_id"].str.startswith("c03/") & (rows["start"] == 0.6)].head(1).to_dict("records")
    segment = audio.read_mono(tmp_path / "raw" / first["source_path"], start=first["start"], end=first["end"])
    written = load_corpora.samples(3, load_corpora.CONTAINERS)
    assert max(np.corrcoef(np.roll(segment, -lag), written)[0, 1] for lag in (0, 1024, 2048)) > 0.9


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot adopt orphans")
def test_processor_time_of_orphans_is_counted():
    program = "import os, time\nif os.fork():\n    os._exit(0)\nwhile time.process_time() < 0.3:\n    pass"
    check = f"""
import subprocess, sys
from benchmarks import step_costs
step_costs.adopt_orphans()
subprocess.run([sys.executable, "-c", {program!r}], check=True)
print(step_costs.processor_seconds())
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=files.ROOT, check=True)
    assert float(done.stdout) > 0.3
