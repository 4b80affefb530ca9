"""Tables of an ablation: its rows, their differences, and the ranking of systems under other labels."""

from collections.abc import Mapping

import pandas as pd

from mer.evaluation.ablations.differences import headline
from mer.evaluation.comparison.comparison import MEAN
from mer.params.ablations import Ablations
from mer.report.style.numbers import NO_VALUE, short
from mer.report.style.symbols import TRANSDUCTIVE
from mer.report.text.comparisons import format_p, signed

PROTOCOLS = {"loco": "LOCO", "in_corpus": "within corpus"}
"""Protocol -> its name in figures and tables of ablations."""


def rows_table(ablations: Ablations, systems: Mapping) -> pd.DataFrame:
    """Return the rows of an ablation with their references and changes.

    Args:
        ablations: the section `ablations`.
        systems: the systems of the study, in order.
    """
    rows = [(name, ablations.reference_of(name, systems), _changes(row.changes))
            for name, row in ablations.rows.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["row", "reference", "changes"]).set_index("row")


def _changes(changes: Mapping, prefix: str = "") -> str:
    """The text of nested parameters, such as `training.gate: softmax; zero: text`.

    >>> _changes({"training": {"gate": "softmax"}, "zero": ("text",)})
    'training.gate: softmax; zero: text'
    """
    parts = [
        _changes(value, f"{prefix}{name}.") if isinstance(value, Mapping)
        else f"{prefix}{name}: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in changes.items()
    ]  # fmt: skip
    return "; ".join(parts)


def sorted_rows(table: pd.DataFrame) -> list[str]:
    """Return the names of rows, the largest loss first: by LOCO, or within corpus if a row has no LOCO.

    Args:
        table: from `differences.joined`.
    """
    rows = headline(table).dropna(subset=["difference"])
    by_row = rows.pivot(index="system", columns="protocol", values="difference")
    first = by_row.reindex(columns=list(PROTOCOLS)).bfill(axis=1).iloc[:, 0]
    compared = list(first.sort_values(kind="stable").index)
    return compared + [name for name in dict.fromkeys(table["system"]) if name not in compared]


def row_names(table: pd.DataFrame) -> dict[str, str]:
    """Return row -> its name with what a reader must know: another reference, fewer corpora, transductive.

    Args:
        table: from `differences.joined`; with flags, rows that use unlabelled test rows are marked.
    """
    rows, names = headline(table), {}
    usual = rows["reference"].mode().iloc[0] if len(rows) else ""
    most = rows.groupby("protocol")["corpora"].max().to_dict()
    for name, part in rows.groupby("system", sort=False):
        reference = part["reference"].iloc[0]
        text = name if reference == usual else f"{name} (against {reference})"
        loco = part[part["protocol"] == "loco"]
        if len(loco) and 0 < loco["corpora"].iloc[0] < most["loco"]:
            text += f" ({loco['corpora'].iloc[0]} corpora)"
        names[name] = text + (TRANSDUCTIVE if "transductive" in part and part["transductive"].any() else "")
    return names


def ablation_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line per row: score, difference, adjusted p-value and verdict of each protocol.

    Args:
        table: from `differences.joined`.
    """
    names, lines = row_names(table), []
    rows = headline(table).set_index(["system", "protocol"])
    protocols = [name for name in PROTOCOLS if name in set(table["protocol"])]
    for name in sorted_rows(table):
        line = {"row": names[name]}
        for protocol in protocols:
            line |= _entries(rows.loc[(name, protocol)] if (name, protocol) in rows.index else None, protocol)
        lines.append(line)
    return pd.DataFrame(lines).set_index("row") if lines else pd.DataFrame()


def _entries(row: pd.Series | None, protocol: str) -> dict[str, str]:
    title = PROTOCOLS[protocol]
    if row is None:
        texts = [NO_VALUE] * 4
    else:
        texts = [short(row["value"]), signed(row), format_p(row["p_holm"]), row["verdict"]]
    return {f"{title}{'' if not column else ', ' + column}": text
            for column, text in zip(("", "difference", "p (Holm)", "verdict"), texts, strict=True)}  # fmt: skip


def setups_table(ablations: Ablations, systems: Mapping, table: pd.DataFrame) -> pd.DataFrame:
    """Return the paper's two set-ups: each input is 0 at test, or left out in training. Empty without such rows.

    Args:
        ablations: the section `ablations`.
        systems: the systems of the study, in order.
        table: from `differences.joined`.
    """
    rows, lines = headline(table).set_index(["system", "protocol"]), {}
    for name, row in ablations.rows.items():
        reference = ablations.reference_of(name, systems)
        for left_out in systems[reference].inputs:
            remaining = tuple(one for one in systems[reference].inputs if one != left_out)
            setup = ("0 at test" if row.changes == {"zero": (left_out,)}
                     else "trained without" if set(row.inputs) == set(remaining) and set(row.changes) == {"inputs"}
                     else None)  # fmt: skip
            for protocol in PROTOCOLS if setup else ():
                if (name, protocol) in rows.index:
                    entry = signed(rows.loc[(name, protocol)])
                    lines.setdefault((reference, left_out), {})[f"{PROTOCOLS[protocol]}, {setup}"] = entry
    frame = pd.DataFrame.from_dict(lines, orient="index").fillna(NO_VALUE)
    return frame.set_axis(pd.MultiIndex.from_tuples(lines, names=["reference", "input"])) if lines else frame


def corpus_table(table: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Return rows × test corpora with differences of the restricted UAR, such as "+.021 [-.010, .052]".

    Args:
        table: from `differences.joined`.
        protocol: loco or in_corpus.
    """
    rows = table[(table["protocol"] == protocol) & (table["test_corpus"] != MEAN)]
    entries = rows.assign(entry=[signed(row) for _, row in rows.iterrows()])
    wide = entries.pivot(index="system", columns="test_corpus", values="entry").fillna(NO_VALUE)
    order = [name for name in sorted_rows(table) if name in wide.index]
    return wide.loc[order].rename(index=row_names(table)).rename_axis(index="row", columns=None)


def rank_table(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return systems × labels with the mean and the rank, such as "1: .412".

    Args:
        ranks: from `differences.ranks`.
    """
    entries = [row["note"] or f"{row['rank']:g}: {short(row['value'])}" for _, row in ranks.iterrows()]
    wide = ranks.assign(entry=entries).pivot(index="system", columns="labels", values="entry").fillna(NO_VALUE)
    columns = [name for name in dict.fromkeys(ranks["labels"]) if name in wide]
    first = ranks[ranks["labels"] == columns[0]].set_index("system")["rank"] if columns else pd.Series(dtype=float)
    return wide.loc[sorted(wide.index, key=lambda name: first.get(name, float("inf"))), columns].rename_axis(
        columns=None
    )
