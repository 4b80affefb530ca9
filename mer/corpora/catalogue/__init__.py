"""The description of every corpus that MER reads: title, family, labels, licence. No parser is imported here."""

from mer.corpora.catalogue import acted, conversations, file_names, file_names_with_lists
from mer.corpora.corpus import Corpus

_MODULES = (acted, conversations, file_names, file_names_with_lists)

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in sorted((corpus for module in _MODULES for corpus in module.CORPORA), key=lambda corpus: corpus.name)
}
"""Every corpus by id, in alphabetical order."""
