"""Which column of a published table means what: ours, and the names that others give to the same things."""

import re

NAMES: dict[str, tuple[str, ...]] = {
    "utterance_id": ("utterance_id", "key", "id", "utt_id", "file_id", "clip_id", "segment_id", "utt"),
    "corpus": ("corpus", "dataset", "database", "source_dataset"),
    "family": ("family",),
    "source_path": ("source_path", "path", "file", "wav", "audio", "filename", "file_name", "filepath", "file_path",
                    "audio_path", "audio_file", "wav_path", "wav_file", "audiofile"),
    "audio_sha256": ("audio_sha256", "sha256", "digest", "checksum"),
    "start": ("start", "start_time", "starttime"),
    "end": ("end", "end_time", "endtime"),
    "emotion": ("emotion", "emo", "label", "emotion_label", "emotion_class", "emoclass", "class", "category"),
    "emotion_raw": ("emotion_raw", "source_label", "native_label"),
    "transcription": ("transcription", "text", "transcript", "utterance", "sentence", "raw_text", "caption"),
    "lexical_control": ("lexical_control",),
    "sentence_id": ("sentence_id", "statement", "prompt_id"),
    "speaker_id": ("speaker_id", "speaker", "spk", "spk_id", "spkrid", "speakerid", "actor", "subject"),
    "session": ("session", "session_id", "sessionid"),
    "dialogue_id": ("dialogue_id", "dialog_id", "dialogue", "dialog", "conversation_id", "conversation", "video_id"),
    "split": ("split", "part", "partition", "set", "subset", "split_set"),
    "fold": ("fold", "fold_id"),
    "exclude_reason": ("exclude_reason",),
}  # fmt: skip
"""Our column -> what it is called, the likelier first. Case and punctuation do not matter."""


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
    plain: dict[str, str] = {}
    for name in header:
        plain.setdefault(_plain(name), name)
    found = {}
    for ours, others in NAMES.items():
        if ours in chosen:
            found |= {ours: _chosen(header, ours, chosen[ours])} if chosen[ours] else {}
        elif name := next((plain[_plain(other)] for other in others if _plain(other) in plain), None):
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
    ours = {_plain(name): our for our, names in NAMES.items() for name in names}
    result = {}
    for pair in filter(None, text.split(",")):
        name, mark, column = pair.partition("=")
        if not mark:
            raise Unusable(f"--columns {pair!r}: write OURS=THEIRS, as in path=wav,speaker=spk")
        if _plain(name) not in ours:
            raise Unusable(f"--columns {pair!r}: the audit looks at {listed(list(NAMES))}")
        result[ours[_plain(name)]] = column
    return result


def listed(names: list[str], most: int = 20) -> str:
    """Return names as a list in a message, not too long."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
