"""The description of differences between two files of two runs."""

import math

import numpy as np
import pandas as pd
import pytest

from mer import files
from mer.runner.compare import files as tables

ROWS = [("x", 0, "joy", 0.5), ("x", 1, "joy", 0.25), ("y", 0, "fear", math.nan)]


def table(rows=ROWS, columns=("system", "seed", "label", "value")):
    return pd.DataFrame(rows, columns=list(columns))


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    for name in "ab":
        (tmp_path / name).mkdir()
    return tmp_path / "a", tmp_path / "b"


@pytest.fixture(params=["csv", "parquet"])
def compared(request, folders):
    """Write two tables and return the difference in words."""

    def compared(*both):
        name = f"t.{request.param}"
        for frame, folder in zip(both, folders, strict=True):
            if request.param == "csv":
                frame.to_csv(folder / name, index=False)
            else:
                frame.to_parquet(folder / name, index=False)
        [(_, difference)] = tables.compare_files(*folders, [name])
        assert (difference is None) is ((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes())
        return difference

    return compared


def write(folders, name, *contents):
    for folder, content in zip(folders, contents, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folders[0] / name, folders[1] / name


def test_identical_tables_do_not_differ(compared):
    assert compared(table(), table()) is None


def test_different_numbers_are_counted_and_the_largest_difference_is_located(compared):
    other = table()
    other.loc[0, "value"] += 1e-12
    other.loc[1, "value"] = 0.35
    assert compared(table(), other) == "2 of 3 numbers differ, by at most 0.1 (value at system=x, seed=1)"


def test_the_smallest_possible_difference_is_reported(compared):
    other = table()
    other.loc[0, "value"] = np.nextafter(0.5, 1)
    assert compared(table(), other) == "1 of 3 numbers differs, by at most 1.11e-16 (value at system=x, seed=0)"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_missing_or_infinite_in_one_table_is_reported(compared, value):
    other = table()
    other.loc[1, "value"] = value
    place = "value at system=x, seed=1"
    assert compared(table(), other) == f"1 of 3 numbers differs, 1 missing or infinite in one of them (first {place})"
    other.loc[0, "value"] = 0.75
    assert compared(other, table()) == (
        f"2 of 3 numbers differ, by at most 0.25 (value at system=x, seed=0), "
        f"1 missing or infinite in one of them (first {place})"
    )


def test_infinities_are_the_same_if_their_signs_are(compared):
    both = [table([("x", 0, "", value), ("y", 0, "", 1.0)]) for value in (math.inf, -math.inf)]
    assert "1 missing or infinite" in compared(*both)
    more = both[0].assign(value=[math.inf, 2.0])
    assert compared(both[0], more) == "1 of 2 numbers differs, by at most 1 (value at system=y)"


def test_rows_are_matched_by_identifying_columns(compared):
    other = table([ROWS[2], ROWS[0], ("x", 1, "joy", 0.5)])
    assert compared(table(), other) == (
        "1 of 3 numbers differs, by at most 0.25 (value at system=x, seed=1); rows in another order"
    )
    assert compared(table(), table([ROWS[1], ROWS[0], ROWS[2]])) == "rows in another order"


def test_rows_of_one_table_only_are_counted(compared):
    assert compared(table(), table(ROWS[:2])) == "2 rows, was 3; 1 row only in a"
    assert compared(table(ROWS[:1]), table()) == "3 rows, was 1; 2 rows only in b"
    assert compared(table(), table([*ROWS[:2], ("z", 0, "fear", 0.1)])) == "1 row only in a; 1 row only in b"


def test_different_texts_and_whole_numbers_are_counted(compared):
    other = table([ROWS[0], ("x", 1, "fear", 0.25), ("y", 0, None, math.nan)])
    first = "first label at system=x, seed=1 is fear, was joy"
    assert compared(table(), other) == f"2 other cells differ, {first}"
    counts = [table([("x", n, "", 0.5), ("y", 3, "", 0.5)]) for n in (1, 2)]
    assert compared(*counts) == "1 other cell differs, first seed at system=x is 2, was 1"


def test_columns_of_one_table_only_are_named(compared):
    assert compared(table(), table().drop(columns="value")) == "only in a: column value"
    assert compared(table(), table().assign(u=1, v=2.0)) == "only in b: columns u, v"
    assert compared(table(), table()[["label", "system", "seed", "value"]]) == "columns in another order"


def test_rows_without_identifying_columns_are_matched_in_order(compared):
    rows = [("x", 0, "joy", 0.5), ("x", 0, "joy", 0.25)]
    assert compared(table(rows), table(rows[::-1])) == "2 of 2 numbers differ, by at most 0.25 (value at row 1)"
    assert compared(table(rows), table([*rows, rows[0]])) == (
        "3 rows, was 2; compared in order, because no column names the rows; 1 row only in b"
    )
    numbers = [table([(0.1,), (x,)], ["value"]) for x in (0.2, 0.4)]
    assert compared(*numbers) == "1 of 2 numbers differs, by at most 0.2 (value at row 2)"


def test_the_name_of_the_study_does_not_identify_rows(compared):
    both = [table().assign(study=name)[["study", *table()]] for name in ("demo", "other")]
    assert compared(*both) == "study is other, was demo"
    both[1].loc[0, "value"] = 1.5
    assert compared(*both).endswith("1 of 3 numbers differs, by at most 1 (value at system=x, seed=0)")


def test_whole_numbers_with_missing_values_identify_rows(compared):
    rows = [("x", 0, "m", 0.5), ("x", None, "m", 0.25)]
    both = [table(rows).astype({"seed": "Int64"}) for _ in "ab"]
    both[1].loc[1, "value"] = 0.75
    assert compared(*both) == "1 of 2 numbers differs, by at most 0.5 (value at seed=missing)"


def test_whole_numbers_and_fractions_are_compared_as_numbers(compared):
    both = [pd.DataFrame({"name": ["x", "y"], "value": values}) for values in ([1, 2], [1.0, 2.5])]
    assert compared(*both) == "1 of 2 numbers differs, by at most 0.5 (value at name=y)"
    both[1]["value"] = [1.0, 2.0]
    assert compared(*both) == "the same values, other bytes"


def test_a_column_that_is_empty_in_one_table_is_missing(compared):
    both = [pd.DataFrame({"name": ["x", "y"], "value": values}) for values in ([np.nan] * 2, [1.5, 2.5])]
    assert compared(*both) == "2 of 2 numbers differ, 2 missing or infinite in one of them (first value at name=x)"


def test_numbers_that_are_texts_in_the_other_table_are_texts(compared):
    both = [pd.DataFrame({"name": ["x", "y"], "value": values}) for values in ([1.5, 2.5], ["1.5", "high"])]
    assert compared(*both) == "1 other cell differs, first value at name=y is high, was 2.5"


@pytest.mark.parametrize("word", ["NA", "null", "None", "n/a"])
def test_words_for_missing_values_are_texts(compared, word):
    both = [pd.DataFrame({"name": ["x", "y"], "label": labels}) for labels in (["joy", None], ["joy", word])]
    assert compared(*both) == f"1 other cell differs, first label at name=y is {word}, was missing"


def test_empty_tables_are_compared(compared):
    assert compared(table(), table([])).startswith("0 rows, was 3")
    assert compared(table([]), table([], ["system"])) == "only in a: columns seed, label, value"


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        ("a,b\n1,2\n", "a,b\r\n1,2\r\n", "the same values, other bytes"),
        ("a,b\nx,0.5\n", "a,b\nx,0.50\n", "the same values, other bytes"),
        ("a,b\n1,2\n", "", "cannot be read in b (No columns to parse from file)"),
        ("a\n1\n", b"\xff\xfe\x00", "cannot be read in b ('utf-8' codec can't decode"),
        ("a,b\n1,2\n", "a,b\n1,2\n1,2,3,4\n", "cannot be read in b (Error tokenizing data."),
        ("a,b\n1,2\n", "a,b\n1,2,\n", ""),
        ("a\n1\n", "b\n1\n", "only in a: column a; only in b: column b"),
    ],
)
def test_unusual_csv_files_are_compared(folders, a, b, difference):
    assert tables.compare_files(*folders, [write(folders, "t.csv", a, b)[0].name])[0][1].startswith(difference)


def test_an_unreadable_table_is_reported(folders):
    table().to_parquet(folders[0] / "t.parquet")
    (folders[1] / "t.parquet").write_text("no table")
    [(_, difference)] = tables.compare_files(*folders, ["t.parquet"])
    assert difference.startswith("cannot be read in b (")
    (folders[1] / "t.parquet").write_bytes((folders[0] / "t.parquet").read_bytes()[:-20])
    assert "cannot be read in b/t.parquet" in tables.difference(folders[0] / "t.parquet", folders[1] / "t.parquet")


def test_a_folder_named_like_a_partition_is_no_column(folders):
    for folder, value in zip(folders, (0.5, 0.75), strict=True):
        (folder / "seed=0").mkdir()
        pd.DataFrame({"seed": ["s"], "value": [value]}).to_parquet(folder / "seed=0/t.parquet")
    [(_, difference)] = tables.compare_files(*folders, ["seed=0"])
    assert difference == "1 of 1 number differs, by at most 0.25 (value at seed=s)"


def test_lists_and_an_index_are_compared(folders):
    for folder, last in zip(folders, (2, 3), strict=True):
        frame = pd.DataFrame({"name": ["x", "y"], "list": [[1], [1, last]]}).set_index("name")
        frame.to_parquet(folder / "t.parquet")
    [(_, difference)] = tables.compare_files(*folders, ["t.parquet"])
    assert difference == "1 other cell differs, first list at name=y is [1, 3], was [1, 2]"


@pytest.mark.parametrize(
    ("a", "b", "difference"),
    [
        ('{"a": {"b": 1}}', '{"a": {"b": 2}}', "1 value differs: a.b is 2, was 1"),
        ('{"a": NaN}', '{"a":NaN}', "the same values, other bytes"),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "the same values, other bytes"),
        ("[1]", "[2]", "1 value differs: the value is [2], was [1]"),
        (
            '{"a": 1, "b": 1, "c": 1, "d": 1}',
            "{}",
            "4 values differ: a is not set, was 1; b is not set, was 1; c is not set, was 1; …",
        ),
        ("{}", "{", "cannot be read in b (Expecting property name"),
        ("[" * 100_000, "{}", "cannot be read in a ("),
        ("{}", b"\xff", "cannot be read in b ("),
    ],
)
def test_json_files_are_compared_by_value(folders, a, b, difference):
    write(folders, "x.json", a, b)
    assert tables.compare_files(*folders, ["x.json"])[0][1].startswith(difference)


def test_other_files_are_compared_by_size(folders):
    assert tables.difference(*write(folders, "m.bin", b"1", b"2")) == "other bytes"
    assert tables.difference(*write(folders, "m.bin", b"1" * 1000, b"2" * 2000)) == "2,000 bytes, was 1,000"
    assert tables.difference(*write(folders, "m.bin", b"", b"")) is None


def test_a_file_that_cannot_be_opened_is_reported(folders):
    (folders[0] / "x.csv").write_text("a")
    assert tables.difference(folders[0] / "x.csv", folders[1] / "x.csv").startswith("cannot be read (")
    assert tables.difference(folders[0], folders[1]).startswith("cannot be read (")


def test_files_of_one_folder_only_are_named(folders):
    write(folders, "tables/same.txt", "1", "1")
    write(folders, "tables/deep/other.txt", "1", "22")
    write(folders, "tables/one.txt", "1", None)
    write(folders, "tables/.hidden", "1", "2")
    write(folders, "tables/.hidden.d/x", "1", "2")
    write(folders, "two.txt", None, "1")
    write(folders, "kind", "a file", None)
    (folders[1] / "kind").mkdir()
    (folders[1] / "kind/x.txt").write_text("a folder")
    for folder in folders:
        (folder / "empty").mkdir()
    names = ["two.txt", "tables/", "tables/same.txt", "nowhere", "kind", "empty"]
    assert tables.compare_files(*folders, names) == [
        ("kind", "only in a"),
        ("kind/x.txt", "only in b"),
        ("nowhere", "neither in a nor in b"),
        ("tables/deep/other.txt", "2 bytes, was 1"),
        ("tables/one.txt", "only in a"),
        ("tables/same.txt", None),
        ("two.txt", "only in b"),
    ]


def test_no_names_compare_no_files(folders):
    assert tables.compare_files(*folders, []) == []
