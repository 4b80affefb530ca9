"""File names as data: what the parts of a corpus's file names mean, and which lists lie beside the recordings.

`mer/corpora/reading/pattern.py` reads a corpus by such a description.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Listing:
    """A table with a header beside the recordings."""

    file: str
    """The name of the table, in whichever folder of the corpus it lies."""
    key: str
    """The column that names the recording or the speaker that a line describes."""
    columns: dict[str, str]
    """Maps a group of `FileNamePattern.name` to the column of the table that holds it."""
    delimiter: str = ","


@dataclass(frozen=True)
class FileNamePattern:
    """How file names describe a recording."""

    name: str
    """A regular expression for whole file names without suffix. Its groups `speaker`, `emotion`, `gender`, `age`,
    `intensity`, `sentence` and `text` hold what they are called."""
    example: str
    """A file name that matches, for error messages."""
    emotions: dict[str, str]
    """Maps a native label to the standard emotion name."""
    language: str
    """The language of the corpus, as in ISO 639-1."""
    languages: dict[str, str] = field(default_factory=dict)
    """Maps a sentence to its language if that is not `language`."""
    speakers: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Maps a speaker to gender and age in years if neither file names nor lists give them."""
    speaker_letters: int | None = None
    """The number of letters of a speaker's code that make the id. It shortens hashes."""
    intensities: dict[str, str] = field(default_factory=dict)
    """Maps the code of an intensity to its name."""
    texts: dict[str, str] = field(default_factory=dict)
    """Maps a sentence to its transcript."""
    text_source: str = "script"
    """The origin of transcripts, as in `Utterance.text_source`."""
    text_suffix: str | None = None
    """The suffix of text files that hold the transcript of the recording of the same name."""
    recording_list: Listing | None = None
    """A table that describes recordings, by the name of the file."""
    speaker_list: Listing | None = None
    """A table that describes speakers."""
    rejected_names: dict[str, str] = field(default_factory=dict)
    """Maps a regular expression, searched in paths below the corpus folder, to the reason why such recordings are not
    used."""
