"""The text at the top of every page."""

import pytest

from mer import params
from mer.html_pages import banner as banners


@pytest.mark.parametrize(
    ("sets", "banner"),
    [
        ([], banners.SYNTHETIC_NOTICE),
        (["data.synthetic=null"], ""),
        (["data.synthetic=null", "data.max_clips=300"], "a quick look at no more than 300 clips of each corpus;"),
        (["data.max_clips=1000", "data.max_speakers=8"], "no more than 1,000 clips and 8 speakers of each corpus"),
    ],
)  # fmt: skip
def test_pages_say_that_recordings_are_synthetic_or_few(sets, banner):
    study = params.load("params/demo.yaml", sets)
    assert banner in banners.of_data(study.data)
    assert bool(banner) == bool(banners.of_data(study.data))
    assert ("Capped" in banners.of_data(study.data)) == (study.data.max_clips is not None)
