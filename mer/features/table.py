"""Features of files, arrays and texts as a table, computed as step 02 of a study computes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from mer.features import registry, vectors
from mer.features.extractor import Resources
from mer.features.sources import manifest_rows
from mer.params import messages
from mer.params.features import ORDER, SECTIONS, Input, Inputs, read_inputs
from mer.params.schema import Data
from mer.temporary import TemporaryFolder

STUDY_ONLY = ("trained_on", "lexical_control", "transcript", "keep", "train", "train_frames")
"""Parameters of inputs that choose rows or texts of a study, or frames for its networks, or train its encoders."""
WHOLE = 1e7
"""The longest recording by default, in seconds: no recording is cropped."""


def extract_table(
    sources: Sequence | str | Path | np.ndarray,
    extractor: str = "functionals",
    *,
    sampling_rate: int | None = None,
    column: str | None = None,
    resources: Resources | None = None,
    **parameters: object,
) -> pd.DataFrame:
    """Return the features of recordings, arrays or texts.

    Vectors equal those of step 02 of a study with the same recordings and parameters, because the same code decodes and
    extracts. The last bits of some encoders depend on the other recordings of a batch.

    Args:
        sources: one or several of: paths of files and folders; arrays of audio of shape (samples,) or (samples,
            channels), floating point in [-1, 1] or 16-bit. For text: a `str` is a text, a `Path` is a text file or a
            table.
        extractor: the name of an extractor, such as `functionals` or `encoder`.
        sampling_rate: the sampling rate of arrays, in Hz.
        column: the column of tables that holds the texts.
        resources: the device of networks, and the number of threads.
        parameters: `modality`, if several modalities have the extractor; every parameter of the section `features` of a
            study; `min_seconds` and `max_seconds` of its section `data`. Recordings are not cropped by default.

    Returns:
        a row per recording or text: `file`, for text `row` (the number of a table's row, from 1), `start` and `end` in
        seconds, `error` (the reason if there is no vector; the features are then NaN), and the features, float32. They
        have the extractor's own names, or its name with numbers from 0.

    Raises:
        ValueError: a parameter is wrong, or there is nothing to extract.
        MissingPackage, FileNotFoundError: a package or a network is missing; the message says how to get it.

    >>> import numpy as np
    >>> table = extract_table(np.zeros(16_000), "mfcc", sampling_rate=16_000, n_mfcc=2)
    >>> list(table.columns), table["end"].tolist()
    (['file', 'start', 'end', 'error', 'cepstrum 0 mean', 'cepstrum 1 mean', 'cepstrum 0 deviation', \
'cepstrum 1 deviation'], [1.0])
    """
    if isinstance(sources, str | Path | np.ndarray):
        sources = [sources]
    section, data = read_parameters(extractor, parameters)
    with TemporaryFolder() as folder:
        rows = manifest_rows(sources, section, sampling_rate, column, Path(folder), data.max_seconds)
        features, errors = _extracted(rows, section, data, Path(folder), resources or Resources())
    names = vectors.dimension_names(section, features.shape[1])
    if registry.of_input(section).names is None:
        names = [f"{extractor}_{number}" for number in names]
    table = rows[["file", "row"] if section.modality == "text" else ["file"]].copy()
    table["start"] = np.where(rows["seconds"].isna(), np.nan, 0.0)
    table["end"] = rows["seconds"].astype(float)
    table["error"] = errors
    return pd.concat([table, pd.DataFrame(features, columns=names)], axis=1)


def read_parameters(extractor: str, parameters: dict[str, object]) -> tuple[Input, Data]:
    """Return the parameters of an input, and the limits of recordings.

    Args:
        extractor: the name of the extractor.
        parameters: the parameters of `extract_table`.

    Raises:
        ValueError: names the parameter that is wrong.

    >>> section, data = read_parameters("mfcc", {"n_mfcc": 13, "max_seconds": 30})
    >>> section.modality, section.n_mfcc, data.min_seconds, data.max_seconds
    ('audio', 13, 0.1, 30.0)
    """
    options = dict(parameters)
    modality = options.pop("modality", None) or _modality(extractor)
    if extractor not in registry.names(modality):
        existing = "; ".join(f"{name}: {', '.join(registry.names(name))}" for name in ORDER)
        raise ValueError(f"extractor: {extractor!r} is not one of the extractors of {modality} ({existing})")
    if unused := [name for name in options if name in STUDY_ONLY]:
        raise ValueError(f"{unused[0]}: is a parameter of studies only; leave it out")
    limits = {name: options.pop(name) for name in ("min_seconds", "max_seconds") if name in options}
    try:
        [section] = read_inputs({modality: {"extractor": extractor, **options}}).values()
    except ValidationError as error:
        raise ValueError(_explained(messages.explain(error, Inputs), modality, extractor)) from None
    try:
        return section, Data(**{"max_seconds": WHOLE, **limits})
    except ValidationError as error:
        raise ValueError(_explained(messages.explain(error, Data), modality, extractor)) from None


def _modality(extractor: str) -> str | None:
    """Return the first modality, in the order of networks, that has an extractor of a name."""
    return next((modality for modality in ORDER if extractor in registry.names(modality)), None)


def _explained(faults: list[tuple[str, str]], modality: str, extractor: str) -> str:
    """Return faults of parameters as one message."""
    existing = ", ".join(n for n in SECTIONS[modality].model_fields if n not in (*STUDY_ONLY, "modality", "extractor"))
    sentences = []
    for place, text in faults:
        name = place.removeprefix(modality).lstrip(".") or extractor
        if text.startswith("there is no such parameter"):
            text = f"is not a parameter of {modality}; there are {existing}, min_seconds and max_seconds"
        sentences.append(f"{name}: {text}")
    return "; ".join(sentences)


def _extracted(
    rows: pd.DataFrame, section: Input, data: Data, folder: Path, resources: Resources
) -> tuple[np.ndarray, pd.Series]:
    """Return the features of all rows, NaN if a row has none, and the reasons."""
    inputs = {section.modality: section}
    stores = vectors.extract(rows, Path(), folder, inputs, data, resources)
    keys, specs = vectors.keys(rows, inputs), vectors.specs(inputs, data)
    loaded = vectors.load(keys, folder, specs)
    used = rows.index[rows["exclude_reason"].isna()]
    present = loaded.present[section.modality]
    features = np.full((len(rows), specs[section.modality]["width"]), np.nan, np.float32)
    features[used[present]] = loaded.arrays[section.modality][present]
    errors = rows["exclude_reason"].copy()
    reasons = pd.Series(stores[section.modality].errors(keys[section.modality]), used, "str")
    errors[used] = reasons.where(present | reasons.notna(), "there is no text" if section.modality == "text" else "")
    return features, errors
