"""The manifest of a study under another policy, without reading the corpora again."""

import pandas as pd

from mer.corpora import Corpus
from mer.dataset.manifest import build, labels, lost_utterances, schema
from mer.dataset.manifest.build import BuildOptions
from mer.dataset.manifest.labels import Mapping


def relabelled(
    manifest: pd.DataFrame, corpora: dict[str, Corpus], before: BuildOptions, after: BuildOptions
) -> pd.DataFrame:
    """Return the manifest that step 01 would write under other labels: classes, exclusions, splits and folds.

    Classes are mapped from the native labels, `emotion_raw` and `emotion_perceived`, which stay as they are. Splits are
    assigned anew, because they are balanced by class. Utterances that `data.max_clips` or `data.max_speakers` leave out
    stay out.

    Args:
        manifest: all rows, as step 01 has written them.
        corpora: id -> corpus, of all corpora of the manifest.
        before: the parameters that the manifest was written with.
        after: the same with another policy or other overrides.

    Raises:
        UnknownLabel: the policy does not cover a corpus.
    """
    present = {name: corpora[name] for name in sorted(set(manifest["corpus"]))}
    old, new = (labels.mappings(one.policy, present, one.overrides) for one in (before, after))
    classes, reasons = [], []
    for row in manifest.itertuples(index=False):
        native, perceived = row.emotion_raw, None if pd.isna(row.emotion_perceived) else row.emotion_perceived
        emotion = new[row.corpus](native, perceived)
        classes.append(emotion)
        if emotion is None:
            reasons.append(new[row.corpus].exclude_reason(native, perceived))
        elif _has_class(old[row.corpus], native, perceived):
            reasons.append(None if pd.isna(row.exclude_reason) else row.exclude_reason)
        else:
            reasons.append(_other_reason(row, present[row.corpus], after.audio_failure))
    changed = manifest.assign(
        emotion=pd.Series(classes, manifest.index, "str"), exclude_reason=pd.Series(reasons, manifest.index, "str")
    )
    types = {name: kind for name, kind in schema.COLUMNS.items() if name in changed}
    changed = build.assign_splits(changed.astype(types), present, after)
    return schema.check(changed, labels.classes(after.policy))


def _has_class(mapping: Mapping, native: str, perceived: str | None) -> bool:
    return mapping(native, perceived) is not None


def _other_reason(row, corpus: Corpus, audio_failure: str) -> str | None:
    """Why an utterance is excluded that had no class before, so that its label was the only reason given."""
    if corpus.official_splits and pd.isna(row.split_official):
        return lost_utterances.NOT_LOST
    if row.audio_ok:
        return None
    if row.audio_error == build.NO_RECORDING:
        return None if pd.notna(row.transcription) and row.transcription else build.NOTHING_TO_READ
    return None if audio_failure == "silence" else row.audio_error
