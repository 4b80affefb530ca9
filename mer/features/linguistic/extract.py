"""From a manifest's texts to vectors in a store."""

from collections.abc import Sequence

import pandas as pd

from mer.features.extractor import Compute
from mer.features.fill import fill
from mer.features.store import Store
from mer.params.schema import Linguistic


def keys(manifest: pd.DataFrame, section: Linguistic) -> list[str | None]:
    """Return each row's text where its corpus's kind of text may be used; None elsewhere."""
    said = manifest["transcription"].fillna("").str.strip().ne("")
    allowed = manifest["lexical_control"].isin(list(section.lexical_control)) & said
    return [text if use else None for text, use in zip(manifest["transcription"], allowed, strict=True)]


def extract(texts: Sequence[str | None], store: Store, compute: Compute) -> None:
    """Compute what the store lacks; a text without words is recorded as such."""
    fill(store, texts, compute, "text")
