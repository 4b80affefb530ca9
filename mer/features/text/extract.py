"""From a manifest's texts to vectors in a store."""

from collections.abc import Sequence

import pandas as pd

from mer.features.computation import compute_missing
from mer.features.extractor import VectorFunction
from mer.features.store import Store
from mer.features.text import dialogue
from mer.params.schema import TextFeatures


def keys(manifest: pd.DataFrame, section: TextFeatures) -> list[str | None]:
    """Return what is read for each row, its context with it; None where its corpus's kind of text may not be used.

    Args:
        manifest: the whole one: turns that are excluded from a study are context all the same.
    """
    return dialogue.inputs(manifest, section)


def extract(texts: Sequence[str | None], store: Store, compute: VectorFunction) -> None:
    """Compute what the store lacks; a text without words is recorded as such."""
    compute_missing(store, texts, compute, "text")
