"""The text at the top of every page."""

import pytest

import run_all
from mer import params


@pytest.mark.parametrize(
    ("sets", "banner"),
    [
        ([], run_all.SYNTHETIC_NOTICE),
        (["data.synthetic=null"], ""),
        (["data.synthetic=null", "data.max_clips=300"], "a quick look at no more than 300 clips of each corpus;"),
        (["data.max_clips=1000", "data.max_speakers=8"], "no more than 1,000 clips and 8 speakers of each corpus"),
    ],
)  # fmt: skip
def test_pages_say_that_recordings_are_synthetic_or_few(sets, banner):
    study = params.load("params/demo.yaml", sets)
    assert banner in run_all._banner(study)
    assert bool(banner) == bool(run_all._banner(study))
    assert ("Capped" in run_all._banner(study)) == (study.data.max_clips is not None)
