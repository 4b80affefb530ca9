"""Terms of use that the user confirms once per corpus and wording. Confirmations are stored with the downloads."""

import datetime
from pathlib import Path

from mer import files
from mer.corpora.corpus import Corpus
from mer.corpora.download.source import DownloadError, DownloadSource


def confirm(corpus: Corpus, source: DownloadSource, notes: Path, accept: bool) -> None:
    """Check that the terms need no confirmation or are confirmed, and store a new confirmation.

    Args:
        corpus: description of the corpus.
        source: place where it is published, with its terms.
        notes: JSON file of confirmations.
        accept: whether the user confirms the terms now.

    Raises:
        DownloadError: the terms are not confirmed. The message says what to read and what to type.
    """
    if not source.terms:
        return
    accepted = _accepted_terms(notes)
    entry = accepted.get(corpus.name)
    if isinstance(entry, dict) and entry.get("licence") == corpus.licence:
        return
    if not accept:
        raise DownloadError(
            f"{corpus.name}: {source.terms}. Nothing was downloaded yet.\n"
            f"  licence: {corpus.licence}\n"
            f"  read it: {source.licence}\n"
            f"  if you agree: python -m mer.corpora download {corpus.name} --accept-licence"
        )
    today = datetime.date.today().isoformat()
    files.write_json(notes, accepted | {corpus.name: {"licence": corpus.licence, "accepted": today}})


def _accepted_terms(notes: Path) -> dict:
    try:
        terms = files.read_json(notes)
    except (FileNotFoundError, ValueError):
        return {}
    return terms if isinstance(terms, dict) else {}
