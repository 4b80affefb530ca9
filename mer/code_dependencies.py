"""What code depends on: the modules of the package that it imports, directly or not, what they say, and libraries.

Read from the source text: nothing is imported. Comments, docstrings and layout do not count. The runner addresses steps
by it, and finished trainings are addressed by it, so that neither is taken for one of other code.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mer import files

PACKAGE = __name__.partition(".")[0]
MODULE = re.compile(rf"{PACKAGE}(\.[A-Za-z_]\w*)+")
EVERY_MODULE = ".*"
"""The ending that stands for all modules of a package, which code imports by a name that it computes."""
OTHER_NAMES = {"PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "yaml": "PyYAML"}
"""of distributions, for speed: any other that is not called as it is imported is found among all that are installed"""


class _Module(NamedTuple):
    """What is read of a module: its digest, the modules it imports and the libraries."""

    digest: str
    modules: tuple[str, ...]
    libraries: tuple[str, ...]


class Closure:
    """What some code reaches.

    Args:
        code: syntax trees of code outside of the package.

    Attributes:
        modules: their files by name.
    """

    def __init__(self, code: Iterable[ast.AST]) -> None:
        self._code = [node for tree in code for node in ast.walk(tree)]
        waiting = list(_modules(self._code, "", False))
        self.modules: dict[str, Path] = {}
        self._read: dict[str, _Module] = {}
        while waiting:
            name = waiting.pop()
            if name.endswith(EVERY_MODULE):
                waiting += _modules_in(name.removesuffix(EVERY_MODULE))
                continue
            if name in self.modules or (path := _path(name)) is None:
                continue
            self.modules[name], self._read[name] = path, _read(path, name, mark(path))
            waiting += self._read[name].modules

    def digests(self) -> dict[str, str]:
        """Return the digest of each module, and of the data files beside them.

        A module that reads a table or a style sheet keeps it in its own folder, or in one below without modules.
        """
        result = {name: read.digest for name, read in self._read.items()}
        return dict(
            sorted((result | {files.to_root(path): _content(path, mark(path)) for path in self._data()}).items())
        )

    def libraries(self, besides: Sequence[str] = ()) -> dict[str, str]:
        """Return the installed version of each library; what is not installed is left out.

        Args:
            besides: packages of ours whose libraries do not matter.
        """
        names = set(_libraries(self._code))
        for name, read in self._read.items():
            if not any(name == package or name.startswith(f"{package}.") for package in besides):
                names |= set(read.libraries)
        version = importlib.metadata.version
        return dict(sorted(found for name in names for found in _installed(name, version)))

    def paths(self) -> list[Path]:
        """Return the files of the modules, and the data files beside them."""
        return [*self.modules.values(), *self._data()]

    def _data(self) -> list[Path]:
        return [path for folder in {path.parent for path in self.modules.values()} for path in _data(folder)]


def marks() -> dict[Path, tuple[int, ...]]:
    """Return by what a change of any file of the package would be noticed.

    Whoever takes this when code is loaded can tell later whether the files still are that code.
    """
    return {path: mark(path) for path in _below(files.ROOT / PACKAGE)}


def mark(path: Path) -> tuple[int, ...]:
    """Return size, time of change to the nanosecond and number of a file, which are compared for equality only."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino


def _path(name: str) -> Path | None:
    base = files.ROOT.joinpath(*name.split("."))
    candidates = (base / "__init__.py", base.parent / f"{base.name}.py")
    return next((path for path in candidates if path.is_file()), None)


def _modules_in(package: str) -> list[str]:
    """Return the names of all modules of a package, without those of its sub-packages."""
    folder = files.ROOT.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]


def _data(folder: Path) -> Iterator[Path]:
    """The files that are no code in a folder and in those below it that hold none."""
    for path in sorted(folder.iterdir()):
        if path.name[0] == "." or path.name == "__pycache__":
            continue
        if path.is_file():
            yield from [path] if path.suffix not in (".py", ".pyc") else []
        elif path.is_dir() and not any(path.rglob("*.py")):
            yield from _data(path)


def _below(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*") if p.suffix != ".pyc" and p.name[0] != "." and p.is_file())


@cache
def _content(path: Path, changed: tuple[int, ...]) -> str:
    """A file's digest; `changed` is there for the cache to see."""
    return files.digest_file(path)


@cache
def _read(path: Path, name: str, changed: tuple[int, ...]) -> _Module:
    tree = ast.parse(path.read_bytes(), filename=str(path))
    nodes = list(ast.walk(tree))
    prose = set()
    for node in nodes:
        if isinstance(body := getattr(node, "body", None), list):
            prose |= {id(item.value) for item in body if _is_text(item)}
            node.body = [item for item in body if not _is_text(item)]
    code = [node for node in nodes if id(node) not in prose]
    modules = tuple(dict.fromkeys(_modules(code, name, path.name == "__init__.py")))
    content = hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()
    return _Module(content, modules, tuple(sorted(set(_libraries(code)))))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _modules(nodes: Iterable[ast.AST], module: str, is_package: bool) -> Iterator[str]:
    """Yield candidate module names; those that are no module of ours fall out later.

    A text that reads like one counts: it may be imported by name, or run with `python -m`. A text that begins with the
    name of a package and ends in a computed name, `f"mer.package.{name}"`, counts as all modules of the package.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package)
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if _ours(base))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE.fullmatch(node.value):
            yield from _with_parents(node.value)
        elif isinstance(node, ast.JoinedStr) and (package := _package_of_computed_name(node)):
            yield from (*_with_parents(package), package + EVERY_MODULE)


def _package_of_computed_name(node: ast.JoinedStr) -> str | None:
    """Return `mer.package` for `f"mer.package.{name}"`, and None for other texts."""
    prefix = node.values[0] if len(node.values) == 2 else None
    text = prefix.value if isinstance(prefix, ast.Constant) and isinstance(prefix.value, str) else ""
    package = text.removesuffix(".")
    return package if package != text and MODULE.fullmatch(package) else None


def _libraries(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the top names of what is imported and is neither ours nor Python's."""
    for node in nodes:
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named = [node.module or ""]
        else:
            continue
        tops = (name.partition(".")[0] for name in named)
        yield from (top for top in tops if not _ours(top) and top not in sys.stdlib_module_names)


@cache
def _installed(name: str, version: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """The distribution that a library is imported from, with its version; empty where it is not installed."""
    for distribution in chain([OTHER_NAMES.get(name, name)], _providers(name)):
        try:
            return ((distribution, version(distribution)),)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ()


def _providers(name: str) -> Iterator[str]:
    """Looked for last: the lists of all distributions take a fifth of a second."""
    if importlib.util.find_spec(name) is not None:
        yield from importlib.metadata.packages_distributions().get(name, ())


def _base(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parents = module.split(".")
    parents = parents[: len(parents) - node.level + is_package]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)] if _ours(name) else []


def _ours(name: str) -> bool:
    return name.partition(".")[0] == PACKAGE
