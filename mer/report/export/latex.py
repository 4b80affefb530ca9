"""Tables as LaTeX with booktabs."""

from collections.abc import Iterable

import pandas as pd

SPECIAL = {"\\": r"\textbackslash{}",
           "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
           "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
           "‡": r"\ddag{}", "§": r"\S{}", "¶": r"\P{}", "†": r"\dag{}", "×": r"$\times$", "–": "--", "−": r"$-$",
           "→": r"$\rightarrow$", "…": r"\ldots{}", "≥": r"$\geq$", "≤": r"$\leq$",
           "◊": r"$\diamond$"}  # fmt: skip
"""Character -> what LaTeX prints as this character."""


def escape(value: object) -> str:
    r"""Return a value as LaTeX prints it literally. Line breaks become spaces.

    >>> print(escape("a_b & 5 % <¶>"))
    a\_b \& 5 \% \textless{}\P{}\textgreater{}
    """
    return "".join(SPECIAL.get(character, character) for character in " ".join(str(value).split()))


def booktabs(table: pd.DataFrame, caption: str, label: str) -> str:
    r"""Return a table as a LaTeX float that needs the package booktabs. Index levels are the first columns.

    Args:
        table: the entries, as texts or numbers.
        caption: the caption, a sentence.
        label: the label, without the prefix `tab:`.

    >>> print(booktabs(pd.DataFrame({"UAR": [".451 [.402, .501]"]}, index=pd.Index(["a_b"], name="system")), "x", "y"))
    \begin{table}
    \centering
    \caption{x}
    \label{tab:y}
    \begin{tabular}{ll}
    \toprule
    system & UAR \\
    \midrule
    a\_b & .451 [.402, .501] \\
    \bottomrule
    \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    named = table.index.names != [None]
    rows = table.reset_index() if named else table
    columns = [" ".join(map(str, name)).strip() if isinstance(name, tuple) else name for name in rows.columns]
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{escape(caption)}}}", rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{'l' * len(columns)}}}", r"\toprule", _row(columns), r"\midrule",
        *map(_row, rows.itertuples(index=False, name=None)), r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(entries: Iterable[object]) -> str:
    cells = [escape("" if entry is None or entry != entry else entry) for entry in entries]
    if cells and cells[0].startswith("["):  # after a line break, a bracket would be its length
        cells[0] = "{}" + cells[0]
    return " & ".join(cells) + r" \\"
