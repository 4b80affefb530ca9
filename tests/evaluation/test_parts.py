"""Which sections of the parameters the identity of results is made of."""

from mer.evaluation import parts
from mer.params.schema import Params


def test_every_section_counts_or_is_named():
    fields = set(Params.model_fields)
    assert fields >= parts.BY_CONTENT | parts.IRRELEVANT
    assert set(parts.SECTIONS) == {"corpora", "labels", "systems", "training", "evaluation", "compute"}
