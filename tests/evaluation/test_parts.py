"""Which sections of the parameters the identity of results is made of."""

from mer.evaluation.scores import step_results
from mer.params.schema import Params


def test_every_section_counts_or_is_named():
    fields = set(Params.model_fields)
    assert fields >= step_results.SECTIONS_BY_CONTENT | step_results.IGNORED_SECTIONS
    assert set(step_results.SECTIONS) == {"corpora", "labels", "systems", "training", "evaluation", "compute"}
