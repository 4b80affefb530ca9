"""The dependencies of code, which are read from its source."""

import ast

import pytest

from mer import code_dependencies, file_cache, files


def closure(*lines):
    return code_dependencies.CodeDependencies([ast.parse("\n".join(lines))])


def digests_of(*lines):
    return closure(*lines).digests()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `mer` of its own; returns a function that writes a module or a data file of it."""
    monkeypatch.setattr(files, "ROOT", tmp_path)

    def write(name, text=""):
        path = tmp_path / "mer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    code_dependencies._file_cache.cache_clear()
    for name in ("__init__.py", "a/__init__.py", "a/deep.py", "b.py", "c.py"):
        write(name, '"""Says nothing."""\n')
    return write


def test_imports_of_the_real_package_are_followed():
    names = digests_of("from mer import params", "import mer.runner.execution.loop as r", "import json")
    assert {"mer", "mer.params", "mer.params.schema", "mer.files", "mer.runner.execution.execute"} <= set(names)
    assert "json" not in names
    assert "mer/runner/reporting/template/report/notebook.css" in names  # in a folder without modules, below one with


@pytest.mark.parametrize(
    "text",
    [
        "import mer.a.deep",
        "from mer.a import deep",
        "from .a import deep",
        "from . import a\ndef f():\n    from .a import deep",
        "def f():\n    if True:\n        import mer.a.deep as d",
        "import importlib\nimportlib.import_module('mer.a.deep')",
        "RUN = ['-m', 'mer.a.deep']",
    ],
)
def test_a_module_is_reached_however_it_is_imported(package, text):
    package("b.py", text)
    assert {"mer", "mer.a", "mer.a.deep", "mer.b"} == set(digests_of("import mer.b"))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("x = 1  # why", True),
        ('"""What it is."""\n\nx = 1\n"""what x is"""\n', True),
        ("x = 1.0", False),
        ("x = True", False),
        ("x = 1\ny = 'text'", False),
        ("def f():\n    return 1\n\n\nx = 1", False),
    ],
)
def test_prose_does_not_count_and_code_counts(package, text, same):
    package("b.py", "x = 1")
    before = digests_of("import mer.b")
    package("b.py", text)
    assert (digests_of("import mer.b") == before) is same


def test_a_docstring_that_names_a_module_is_no_import(package):
    package("b.py", '"""mer.a.deep"""\n\nx = "see mer.a.deep"  # mer.a.deep')
    assert "mer.a.deep" not in digests_of("import mer.b")


def test_data_files_count_with_the_modules_of_their_folder(package):
    for name in ("a/table.yaml", "a/data/more/x.json", "a/__pycache__/deep.pyc", "a/.hidden", "other/x.json",
                 "kind/code.py", "kind/x.json"):  # fmt: skip
        package(name, "1")
    names = digests_of("import mer.a.deep")
    assert {name for name in names if "/" in name} == {"mer/a/table.yaml", "mer/a/data/more/x.json", "mer/other/x.json"}
    package("a/data/more/x.json", "2")
    assert digests_of("import mer.a.deep") != names


def test_libraries_are_those_of_all_reached_modules(package):
    package("b.py", "import json, numpy.linalg\nfrom sklearn import svm\nfrom . import c\nimport nothing_of_this_name")
    package("c.py", "def f():\n    import yaml\n    from scipy.stats import t")
    names = closure("import mer.b").libraries()
    assert set(names) == {"numpy", "scikit-learn", "scipy", "PyYAML"}
    assert all(version[0].isdigit() for version in names.values())
    assert set(closure("import mer.b").libraries(without=["mer.c"])) == {"numpy", "scikit-learn"}
    assert "pytest" in closure("import _pytest").libraries()  # called otherwise than it is imported


def test_source_files_are_read_once_for_all_processes(package, monkeypatch):
    package("b.py", "import numpy\nfrom . import c")
    monkeypatch.setattr(file_cache, "SETTLED_SECONDS", -1)
    first = closure("import mer.b")
    results = first.digests(), first.libraries(), first.paths()
    code_dependencies._file_cache.cache_clear()  # as in another process
    monkeypatch.setattr(code_dependencies, "_describe", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(files, "digest_file", lambda _: pytest.fail("read again"))
    second = closure("import mer.b")
    assert (second.digests(), second.libraries(), second.paths()) == results


def test_a_stored_reading_of_another_version_is_not_used(package, monkeypatch):
    monkeypatch.setattr(file_cache, "SETTLED_SECONDS", -1)
    digests = digests_of("import mer.b")
    code_dependencies._file_cache.cache_clear()
    monkeypatch.setattr(code_dependencies, "_VERSION", "of another Python")
    monkeypatch.setattr(code_dependencies, "_describe", lambda name, path: ("read again", (), ()))
    assert digests_of("import mer.b")["mer.b"] == "read again" != digests["mer.b"]


def test_a_computed_name_in_a_package_reaches_all_of_its_modules(package):
    package("b.py", "import importlib\nname = 'deep'\nimportlib.import_module(f'mer.a.{name}')")
    package("a/other.py")
    assert {"mer", "mer.a", "mer.a.deep", "mer.a.other", "mer.b"} == set(digests_of("import mer.b"))
    package("a/third.py")
    assert "mer.a.third" in digests_of("import mer.b")


@pytest.mark.parametrize(
    "text", ["f'mer.{name}'", "f'mer.a.{name}.x'", "f'see mer.a.{name}'", "f'{name}.a.'", "f'mer.a'"]
)
def test_other_formatted_texts_are_not_modules(package, text):
    package("b.py", f"name = 'deep'\nx = {text}")
    assert "mer.a.deep" not in digests_of("import mer.b")


def test_computed_names_of_modules_can_be_read_from_the_source():
    api = files.ROOT / "mer/__init__.py"  # loads what a user of `mer` asks for, and no step does
    server = files.ROOT / "mer/runner/execution/kernel_server.py"  # a program that no module imports
    for path in set((files.ROOT / "mer").rglob("*.py")) - {api, server}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
            if isinstance(node, ast.Call) and name in ("import_module", "__import__", "exec", "run_module", "run_path"):
                name = node.args[0]
                computed = isinstance(name, ast.JoinedStr) and code_dependencies._package_of_computed_name(name)
                assert isinstance(name, ast.Constant) or computed, (path, node.lineno)
