"""Extraction of a manifest's texts into a feature store."""

from collections.abc import Sequence

import pandas as pd

from mer.features.computation import compute_missing
from mer.features.extractor import VectorFunction
from mer.features.store import Store
from mer.features.text import dialogue
from mer.params.schema import TextFeatures


def keys(manifest: pd.DataFrame, section: TextFeatures) -> list[str | None]:
    """Return the input of each row with its context; None if it has no text, or if its kind of text is masked.

    Args:
        manifest: all rows, because excluded turns are context of others; from `fill_in` if a recogniser is used.
        section: the parameters of the input.
    """
    if section.transcript == "recognised":
        manifest = manifest.assign(transcription=manifest["recognised"])
    return dialogue.inputs(manifest, section)


def extract(texts: Sequence[str | None], store: Store, compute: VectorFunction) -> None:
    """Compute the vectors that the store lacks; a text without words is stored with a reason."""
    compute_missing(store, texts, compute, "text")
