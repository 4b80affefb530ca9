"""The schema of the manifest: one row per utterance."""

from pathlib import Path

import pandas as pd

from mer import files

COLUMNS: dict[str, str] = {
    "utterance_id": "str", "corpus": "str", "family": "str", "source_path": "str", "audio_sha256": "str",
    "samples_sha256": "str",
    "video_path": "str", "video_sha256": "str", "video_start": "Float64", "video_end": "Float64", "video_half": "str",
    "start": "Float64", "end": "Float64", "duration": "Float64",
    "sampling_rate": "Int64", "channels": "Int64", "emotion": "str", "emotion_raw": "str",
    "emotion_perceived": "str", "emotion_agreement": "Float64", "emotion_vector": "str", "emotion_intensity": "str",
    "transcription": "str", "text_source": "str", "lexical_control": "str", "sentence_id": "str",
    "speaker_id": "str", "speaker_named": "boolean", "gender": "str", "age": "Int64", "language": "str",
    "session": "str", "dialogue_id": "str", "episode": "str", "turn_index": "Int64", "split_official": "str",
    "split_source": "str",
    "split": "str", "fold": "Int64", "text_side": "Int64",
    "elicitation": "str", "license": "str", "too_short": "bool", "too_long": "bool", "audio_ok": "bool",
    "audio_error": "str", "exclude_reason": "str", "capped": "bool", "breach": "str",
}  # fmt: skip
"""Column -> type; texts and numbers are null if a corpus does not state them. `emotion_vector` is a JSON object of
native labels and numbers (mer/corpora/corpus.py). `audio_sha256` is the digest of the file, `samples_sha256` that of
its recording (mer/dataset/identity/recording_digests.py). `speaker_named`: whether the study's `speakers` identifies
the speaker (mer/dataset/identity/speakers.py). `split_source` is the origin of `split`: `published` with the corpus,
the user's `own` table, or `drawn` by MER. `video_path` equals `source_path` if that file has video; `start` and `end`
are seconds of both, unless `video_start` and `video_end` give those of the video. `video_half` is the half of its
frames that shows the speaker, if two people are side by side. `episode` is the episode of a series, such as `s08e21`,
named alike in all corpora of a family. `capped`: whether only some utterances of the row's corpus are used
(mer/dataset/manifest/draw.py). `breach` names the audit's breaches that concern the
row's corpus."""


def typed(rows: list[dict]) -> pd.DataFrame:
    """Return rows as a manifest with all columns in their types and order."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def check(manifest: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return the manifest if it satisfies all rules.

    Raises:
        pandera.errors.SchemaErrors: with every violated rule and row.
    """
    import pandera.pandas as pa

    usable = lambda frame: frame["exclude_reason"].isna()  # noqa: E731
    schema = pa.DataFrameSchema(
        {
            "utterance_id": pa.Column(str, unique=True),
            "corpus": pa.Column(str),
            "family": pa.Column(str),
            "speaker_id": pa.Column(str),
            "emotion": pa.Column(str, pa.Check.isin(classes), nullable=True),
            "emotion_raw": pa.Column(str),
            "split": pa.Column(str, pa.Check.isin(["train", "validation", "test"]), nullable=True),
        },
        checks=[
            pa.Check(lambda f: ~usable(f) | f["emotion"].notna(), error="a usable row has a class"),
            pa.Check(
                lambda f: ~usable(f) | f["split"].notna() | f["text_side"].notna(), error="a usable row has a split"
            ),
            pa.Check(
                lambda f: ~usable(f) | ~f["audio_ok"] | (f["duration"] > 0).fillna(False),
                error="a usable recording has a duration",
            ),
            pa.Check(
                lambda f: f["exclude_reason"].isna() | (f["exclude_reason"] != ""),
                error="an exclusion has a reason",
            ),
        ],
    )
    schema.validate(manifest, lazy=True)
    return manifest


def save(manifest: pd.DataFrame, path: Path) -> None:
    """Write the manifest as Parquet, in one step."""
    with files.replacing(path) as partial:
        manifest.to_parquet(partial, index=False)


def usable(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without `exclude_reason`, renumbered from 0."""
    return manifest[manifest["exclude_reason"].isna()].reset_index(drop=True)
