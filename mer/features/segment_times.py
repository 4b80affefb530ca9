"""The start and the end of segments as they stand in content addresses."""

import pandas as pd


def segment_times(start: pd.Series, end: pd.Series) -> list[str]:
    """Return `start:end` in seconds for each segment; `nan` for whole files, and nothing in place of an open edge.

    Args:
        start, end: Float64; null at the start or the end of the file.

    >>> times = pd.DataFrame({"start": [1.5, None, None, 2.0], "end": [2.5, None, 2.0, None]}, dtype="Float64")
    >>> segment_times(times["start"], times["end"])
    ['1.5:2.5', 'nan', ':2.0', '2.0:']
    """
    edges = ([None if pd.isna(edge) else float(edge) for edge in edges] for edges in (start, end))
    return [_text(*pair) for pair in zip(*edges, strict=True)]


def _text(start: float | None, end: float | None) -> str:
    if start is None and end is None:
        return "nan"
    return ":".join("" if edge is None else str(edge) for edge in (start, end))
