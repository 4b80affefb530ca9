"""Terms of use that somebody has read: confirmed once per corpus and wording, remembered beside the downloads."""

import datetime
from pathlib import Path

from mer import files
from mer.corpora.corpus import Corpus
from mer.corpora.download.source import DownloadError, Source


def confirm(corpus: Corpus, source: Source, notes: Path, accept: bool) -> None:
    """Go on if the terms ask for nothing, or somebody has confirmed them, now or earlier.

    Args:
        notes: the JSON file that remembers.
        accept: they are confirmed now.

    Raises:
        DownloadError: nobody has; it says what to read and what to type.
    """
    if not source.terms:
        return
    told = _told(notes)
    known = told.get(corpus.name)
    if isinstance(known, dict) and known.get("licence") == corpus.licence:
        return
    if not accept:
        raise DownloadError(
            f"{corpus.name}: {source.terms}. Nothing was downloaded yet.\n"
            f"  licence: {corpus.licence}\n"
            f"  read it: {source.licence}\n"
            f"  if you agree: python -m mer.corpora download {corpus.name} --accept-licence"
        )
    today = datetime.date.today().isoformat()
    files.write_json(notes, told | {corpus.name: {"licence": corpus.licence, "accepted": today}})


def _told(notes: Path) -> dict:
    try:
        told = files.read_json(notes)
    except (FileNotFoundError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
