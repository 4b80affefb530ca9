"""All lists of corpora agree, and the descriptions of corpora import no parser."""

import ast
import re
import subprocess
import sys

import pytest

from mer import code_dependencies, files
from mer.corpora import CORPORA, parsers
from mer.corpora.catalogue import acted, conversations, file_names, file_names_with_lists
from mer.corpora.corpus import Corpus
from mer.corpora.download.addresses import FORMS, SOURCES
from mer.corpora.download.status import SLACK
from mer.corpora.file_name_pattern import FileNamePattern

FOLDER = files.ROOT / "mer" / "corpora"
MODULES = (acted, conversations, file_names, file_names_with_lists)


def closure(statement):
    return set(code_dependencies.CodeDependencies([ast.parse(statement)]).modules)


def parser_modules():
    """The modules of `mer/corpora/parsers` that define or assign `parse`."""
    for path in (FOLDER / "parsers").glob("[!_]*.py"):
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        names = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        names |= {ast.unparse(node.targets[0]) for node in nodes if isinstance(node, ast.Assign)}
        if "parse" in names:
            yield path.stem


def test_every_description_is_in_the_table_once():
    described = [corpus for module in MODULES for corpus in module.CORPORA]
    assert {path.stem for path in (FOLDER / "catalogue").glob("[!_]*.py")} == {
        m.__name__.split(".")[-1] for m in MODULES
    }
    assert sorted(corpus.name for corpus in described) == list(CORPORA)
    for module in MODULES:
        assert {id(v) for v in vars(module).values() if isinstance(v, Corpus)} == {id(c) for c in module.CORPORA}


def test_every_parser_is_named_by_one_corpus_and_exists():
    named = [corpus.parser for corpus in CORPORA.values() if isinstance(corpus.parser, str)]
    assert sorted(named) == sorted(parser_modules())
    for corpus in CORPORA.values():
        assert (
            corpus.parser == corpus.name
            if isinstance(corpus.parser, str)
            else isinstance(corpus.parser, FileNamePattern)
        )


@pytest.mark.parametrize("name", CORPORA)
def test_every_parser_reads_an_empty_folder(name, tmp_path):
    assert list(parsers.parse(CORPORA[name], tmp_path, tmp_path)) == []


def test_the_documentation_has_a_row_for_each_corpus_with_its_family_and_folder():
    text = (files.ROOT / "docs/corpora.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in re.findall(r"^\| `\w+` \|.*`\w[^`]*/`.*$", text, re.M)]
    rows = {row[0].strip("`"): [cell.strip() for cell in row] for row in rows}
    assert sorted(rows) == list(CORPORA)
    families = [corpus.family for corpus in CORPORA.values()]
    for name, (_, _, _, family, folder, _) in rows.items():
        shared = CORPORA[name].family if families.count(CORPORA[name].family) > 1 else ""
        assert family.lower() == shared, name
        assert folder == f"`{CORPORA[name].folders[0]}/`", name


def test_downloads_and_published_counts_are_of_corpora_in_the_table():
    assert set(SOURCES) <= set(CORPORA)
    assert set(FORMS) <= set(CORPORA) - set(SOURCES)
    assert set(SLACK) <= set(CORPORA)


@pytest.mark.parametrize(
    "module", ["mer.corpora", "mer.dataset.splits", "mer.evaluation.protocols.cells", "mer.training.grid"]
)
def test_code_that_reads_descriptions_does_not_depend_on_parsers(module):
    modules = closure(f"import {module}")
    assert module in modules
    assert not {name for name in modules if name.startswith(("mer.corpora.parsers", "mer.corpora.own.parser"))}
    assert "mer.corpora.reading.pattern" not in modules


def test_step_01_depends_on_every_parser():
    modules = closure("from mer.dataset.manifest import build")
    assert modules >= {f"mer.corpora.parsers.{name}" for name in parser_modules()}
    assert modules >= {"mer.corpora.reading.pattern", "mer.corpora.own.parser", "mer.corpora.parsers.iemocap_lists"}


def test_importing_the_descriptions_imports_no_parser():
    program = "import sys, mer.corpora; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name for name in done.stdout.split() if name.startswith("mer.corpora.parsers")}
