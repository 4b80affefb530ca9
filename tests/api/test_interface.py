"""The names of `mer`: light to import, and callable packages."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

import mer
from mer import files

HEAVY = {"numpy", "pandas", "torch", "sklearn", "scipy", "pydantic", "yaml", "transformers", "matplotlib"}


def test_import_of_mer_imports_nothing_else():
    program = "import sys; before = set(sys.modules); import mer; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=files.ROOT)
    assert done.stdout.split() == ["mer"]


def test_names_are_listed_and_exist():
    assert set(mer.__all__) <= set(dir(mer))
    for name in mer.__all__:
        assert callable(getattr(mer, name)), name


def test_unknown_name_is_an_attribute_error_that_lists_the_names():
    with pytest.raises(AttributeError, match="load_run"):
        _ = mer.load_runs
    assert not hasattr(mer, "nothing")


@pytest.mark.parametrize(
    "program",
    [
        "import mer; mer.features; import mer.features; assert callable(mer.features); mer.features.extract",
        "from mer import features; assert callable(features); import mer; assert mer.features is features",
        "import mer.predict; assert callable(mer.predict) and mer.predict.load",
    ],
)
def test_packages_stay_callable_however_they_are_imported(program):
    subprocess.run([sys.executable, "-c", program], check=True, cwd=files.ROOT)


def test_features_of_the_package_are_those_of_the_table():
    samples = np.sin(np.arange(8000) / 9).astype(np.float32)
    called = mer.features(samples, 16_000, extractor="mfcc", n_mfcc=3)
    table = mer.features.extract_table(samples, "mfcc", sampling_rate=16_000, n_mfcc=3)
    assert called.equals(table)


def test_examples_of_the_page_are_true():
    result = doctest.testfile(str(files.ROOT / "docs/python.md"), module_relative=False, encoding="utf-8")
    assert result.attempted > 10
    assert result.failed == 0
