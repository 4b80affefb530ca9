"""Names of columns in published tables, and the manifest's columns that they correspond to."""

from mer.corpora.reading.columns import ALIASES, plain

NAMES: dict[str, tuple[str, ...]] = {
    "utterance_id": ("utteranceid", "key", "id", "uttid", "fileid", "clipid", "segmentid", "utt"),
    "corpus": ("corpus", "dataset", "database", "sourcedataset"),
    "family": ("family",),
    "source_path": ALIASES["path"],
    "audio_sha256": ("audiosha256", "sha256", "digest", "checksum"),
    "samples_sha256": ("samplessha256",),
    "video_sha256": ("videosha256",),
    "start": ALIASES["start"],
    "end": ALIASES["end"],
    "emotion": ALIASES["emotion"],
    "emotion_raw": ("emotionraw", "sourcelabel", "nativelabel"),
    "transcription": (*ALIASES["text"], "sentence"),
    "lexical_control": ("lexicalcontrol",),
    "sentence_id": ("sentenceid", "statement", "promptid"),
    "speaker_id": ALIASES["speaker"],
    "speaker_named": ("speakernamed",),
    "session": ALIASES["session"],
    "dialogue_id": ALIASES["dialogue"],
    "split_source": ("splitsource",),
    "split": ALIASES["split"],
    "fold": ("fold", "foldid"),
    "duration": ("duration",),
    "language": ("language",),
    "text_side": ("textside",),
    "audio_ok": ("audiook",),
    "exclude_reason": ("excludereason",),
}
"""MER's column -> its names in other tables without case and punctuation, the most probable first."""


class TableError(ValueError):
    """A foreign table, or an option that describes it, cannot be used; the message names the remedy."""


def match_columns(header: list[str], declared: dict[str, str]) -> dict[str, list[str]]:
    """Return MER's column -> the columns of a table that hold it; several columns are joined.

    Args:
        header: the table's columns.
        declared: the result of `parse_columns`; it overrides the names.

    Raises:
        TableError: a declared column does not exist.

    >>> match_columns(["wav", "Emo", "Season", "Episode"], {"dialogue_id": "Season+Episode"})
    {'source_path': ['wav'], 'emotion': ['Emo'], 'dialogue_id': ['Season', 'Episode']}
    """
    by_plain_name: dict[str, str] = {}
    for name in header:
        by_plain_name.setdefault(plain(name), name)
    matches = {}
    for column, aliases in NAMES.items():
        if column in declared:
            matches |= {column: _declared(header, column, declared[column])} if declared[column] else {}
        elif name := next((by_plain_name[alias] for alias in aliases if alias in by_plain_name), None):
            matches[column] = [name]
    return matches


def _declared(header: list[str], column: str, text: str) -> list[str]:
    names = [text] if text in header else text.split("+")
    if missing := [name for name in names if name not in header]:
        raise TableError(f"--columns {column}={text}: there is no column {missing[0]!r}; it has {list_names(header)}")
    return names


def parse_columns(text: str) -> dict[str, str]:
    """Return the option `--columns path=wav,speaker=spk` as MER's column -> the table's column.

    An empty name after the equals sign means that the table has no such column.

    Raises:
        TableError: the text has another form, or names no column that the audit reads.

    >>> parse_columns("path=wav,speaker=spk")
    {'source_path': 'wav', 'speaker_id': 'spk'}
    """
    columns = {name: column for column, names in NAMES.items() for name in (*names, plain(column))}
    result = {}
    for pair in filter(None, text.split(",")):
        name, sign, column = pair.partition("=")
        if not sign:
            raise TableError(f"--columns {pair!r}: write OURS=THEIRS, as in path=wav,speaker=spk")
        if plain(name) not in columns:
            raise TableError(f"--columns {pair!r}: the audit reads {list_names(list(NAMES))}")
        result[columns[plain(name)]] = column
    return result


def list_names(names: list[str], max_names: int = 20) -> str:
    """Return names as a list for a message, at most `max_names` of them."""
    rest = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(map(repr, names[:max_names])) + rest
