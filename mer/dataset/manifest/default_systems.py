"""The systems of a study that names only corpora: on speech, or on words if no corpus on disk has recordings."""

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from mer import files
from mer.corpora import CORPORA, Corpus
from mer.corpora.corpus import AUDIO_SUFFIXES
from mer.corpora.reading.files import OTHER_SUFFIXES
from mer.corpora.reading.media import VIDEO_SUFFIXES
from mer.params import ParamsError, messages
from mer.params.schema import Params
from mer.params.systems import DEFAULT_TEXT_FEATURES, DEFAULT_TEXT_SYSTEMS

RECORDINGS = {*AUDIO_SUFFIXES, *OTHER_SUFFIXES, *VIDEO_SUFFIXES}
"""The suffixes of files in which a recording may be."""


def completed(params: Params) -> tuple[Params, list[str]]:
    """Return a study with the systems that it runs, and sentences that say which and why.

    A study that names systems or inputs stays as it is. One that names neither reads speech, or words if each of its
    corpora that are on disk is text only. With recordings of one corpus only, the texts of the others are not read.

    Args:
        params: the parameters as they were loaded.

    Raises:
        ParamsError: another section names an input that a study of words does not have.
    """
    if not params.has_default_systems:
        return params, []
    with_audio, text_only = ([], []) if params.has_inputs or params.data.synthetic else _on_disk(params)
    words = bool(text_only) and not with_audio
    if words:
        params = _reading_words(params)
    inputs = ", ".join(f"{name} ({one.extractor})" for name, one in params.features.items())
    named = f"no systems are named, so that the study runs {', '.join(params.systems)} on {inputs}"
    if words:
        return params, [f"{named}: {_have(text_only)} no recordings here, and these systems read words without a "
                        "download. params/text.yaml also reads vectors of sentences"]  # fmt: skip
    sentences = [named if params.has_inputs else f"{named}: of those tried without a download, they did best on "
                 "held-out corpora (docs/results.md)"]  # fmt: skip
    if text_only:
        sentences.append(f"{_have(text_only)} no recordings here, so that these systems read nothing of "
                         f"{'it' if len(text_only) == 1 else 'them'}; for text, name systems with an input `text` "
                         "(docs/systems.md)")  # fmt: skip
    return params, sentences


def _reading_words(params: Params) -> Params:
    chosen = {"features": DEFAULT_TEXT_FEATURES, "systems": DEFAULT_TEXT_SYSTEMS}
    try:
        return Params.model_validate({**params.model_dump(), **chosen})
    except ValidationError as error:
        faults = [f"{place}: {text}" if place else text for place, text in messages.explain(error, Params)]
        raise ParamsError(params.study or params.name, faults) from None


def _on_disk(params: Params) -> tuple[list[str], list[str]]:
    """Return the corpora that are on disk: those with recordings, and those with text only."""
    raw, with_audio, text_only = files.from_root(params.data.raw), [], []
    for name, options in params.corpora.items():
        if options.table is not None:
            with_audio.append(name)  # a row of a table of one's own always names a recording
        elif (corpus := CORPORA.get(name)) is not None and (folder := corpus.find(raw)) is not None:
            (with_audio if _has_recording(corpus, folder) else text_only).append(name)
    return with_audio, text_only


def _has_recording(corpus: Corpus, folder: Path) -> bool:
    """Return whether a recording is below a folder; the search ends at the first, and enters no folder twice."""
    visited: set[str] = set()
    for place, subfolders, names in os.walk(folder, followlinks=True) if corpus.has_audio else ():
        if (real := os.path.realpath(place)) in visited:
            subfolders.clear()
        elif any(Path(name).suffix.lower() in RECORDINGS and not name.startswith("._") for name in names):
            return True
        visited.add(real)
    return False


def _have(names: Iterable[str]) -> str:
    """Return the subject and verb of a sentence about corpora.

    >>> _have(["meld"]), _have(["emorynlp", "meld"])
    ('meld has', 'emorynlp, meld have')
    """
    names = list(names)
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"
