"""The sections of the parameters in the identity of results."""

from mer.evaluation.scores import step_results
from mer.params.schema import Params


def test_every_section_of_parameters_is_in_the_identity_or_listed_as_ignored():
    fields = set(Params.model_fields)
    assert fields >= step_results.SECTIONS_BY_CONTENT | step_results.IGNORED_SECTIONS
    assert set(step_results.SECTIONS) == {"corpora", "labels", "systems", "training", "evaluation", "compute"}
