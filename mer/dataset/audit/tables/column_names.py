"""Which column of a published table means what: ours, and the names that others give to the same things."""

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
"""Our column -> what it is called, the likelier first, without case and punctuation."""


class Unusable(ValueError):
    """A table, or what was said of it, that nothing can be audited with; the message says what to do."""


def recognise(header: list[str], chosen: dict[str, str]) -> dict[str, list[str]]:
    """Return our column -> the columns of a table that hold it, several where they are to be joined.

    Args:
        header: the table's columns.
        chosen: what `chosen_columns` returns; it goes before what the names say.

    Raises:
        Unusable: a chosen column is not there.

    >>> recognise(["wav", "Emo", "Season", "Episode"], {"dialogue_id": "Season+Episode"})
    {'source_path': ['wav'], 'emotion': ['Emo'], 'dialogue_id': ['Season', 'Episode']}
    """
    known: dict[str, str] = {}
    for name in header:
        known.setdefault(plain(name), name)
    found = {}
    for ours, others in NAMES.items():
        if ours in chosen:
            found |= {ours: _chosen(header, ours, chosen[ours])} if chosen[ours] else {}
        elif name := next((known[other] for other in others if other in known), None):
            found[ours] = [name]
    return found


def _chosen(header: list[str], ours: str, wanted: str) -> list[str]:
    names = [wanted] if wanted in header else wanted.split("+")
    if missing := [name for name in names if name not in header]:
        raise Unusable(f"--columns {ours}={wanted}: there is no column {missing[0]!r}; it has {listed(header)}")
    return names


def chosen_columns(text: str) -> dict[str, str]:
    """Return what `--columns path=wav,speaker=spk` says, by our names; nothing after the mark means: no such column.

    Raises:
        Unusable: it is not of that form, or names nothing that the audit looks at.

    >>> chosen_columns("path=wav,speaker=spk")
    {'source_path': 'wav', 'speaker_id': 'spk'}
    """
    ours = {name: our for our, names in NAMES.items() for name in (*names, plain(our))}
    result = {}
    for pair in filter(None, text.split(",")):
        name, mark, column = pair.partition("=")
        if not mark:
            raise Unusable(f"--columns {pair!r}: write OURS=THEIRS, as in path=wav,speaker=spk")
        if plain(name) not in ours:
            raise Unusable(f"--columns {pair!r}: the audit looks at {listed(list(NAMES))}")
        result[ours[plain(name)]] = column
    return result


def listed(names: list[str], most: int = 20) -> str:
    """Return names as a list in a message, not too long."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
