"""The description of a user-defined corpus, from its parameters in the study's YAML."""

from pathlib import PurePosixPath

from mer.corpora.corpus import Corpus
from mer.corpora.own.audio_folder import is_folder
from mer.corpora.reading.columns import EMOTION_NAMES
from mer.params.schema import Corpus as CorpusParameters


def corpus(name: str, parameters: CorpusParameters) -> Corpus:
    """Return the corpus that a study declares under `corpora.<name>`."""
    return Corpus(
        name=name,
        title=parameters.title or name,
        family=parameters.family or name,
        folders=(),
        fixed_folder=_folder(parameters.table),
        emotions=emotions(parameters),
        parser=parameters,
        language=parameters.language or "und",
        licence=parameters.licence or "not stated (corpora.licence)",
        citation=parameters.citation or "not stated (corpora.citation)",
        instructions=f"the table corpora.{name}.table = {parameters.table}, below data.raw",
        lexical_control=parameters.lexical_control,
        elicitation=parameters.elicitation,
        official_splits="split" in parameters.columns,
        user_defined=True,
        shares_speakers=parameters.family not in (None, name),
        split_by_session="session" in parameters.columns,
    )


def _folder(table: str) -> str:
    path = PurePosixPath(table)
    return (path if is_folder(table) else path.parent).as_posix()


def emotions(parameters: CorpusParameters) -> dict[str, str]:
    """Return native label -> standard emotion name.

    Common words count in lower case, upper case and capitalised. The study's own map takes precedence.
    """
    words = {
        spelling: name for word, name in EMOTION_NAMES.items() for spelling in (word, word.capitalize(), word.upper())
    }
    return words | {native: EMOTION_NAMES.get(name.lower(), name) for native, name in parameters.labels.items()}
