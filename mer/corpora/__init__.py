"""The corpora this project reads: one module each, found here by id."""

from mer.corpora import cremad, emodb, emospeechin, esd, meld, nemo, ravdess, turevdb
from mer.corpora.base import Corpus, Problem, Utterance

CORPORA: dict[str, Corpus] = {
    module.CORPUS.name: module.CORPUS for module in (cremad, emodb, emospeechin, esd, meld, nemo, ravdess, turevdb)
}
"""Every corpus by id, in alphabetical order."""

__all__ = ["CORPORA", "Corpus", "Problem", "Utterance"]
