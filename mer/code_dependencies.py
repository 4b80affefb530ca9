"""The code that other code depends on: modules of the package, data files next to them, and libraries.

The source text is read and nothing is imported. Comments, docstrings and layout do not count. The stamps of steps and
the addresses of finished trainings hold these dependencies, so neither is reused after its code has changed. What is
computed from a source file is stored in `CACHE`.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from mer import files
from mer.file_cache import FileCache

PACKAGE = __name__.partition(".")[0]
MODULE = re.compile(rf"{PACKAGE}(\.[A-Za-z_]\w*)+")
CACHE = "outputs/.code_dependencies.json"
"""The file, below the repository's root, that stores what was computed from each source file."""
EVERY_MODULE = ".*"
"""The ending that stands for all modules of a package, which code imports by a name that it computes."""
DISTRIBUTION_NAMES = {"PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn", "yaml": "PyYAML"}
"""The distributions of modules that have another name.

It saves time only: a module that is absent here is looked up in the lists of all installed distributions.
"""
_VERSION = f"{sys.version} {files.digest_file(__file__)}"
"""Identifies the Python and the code of this module, on which syntax trees and their digests depend."""


class _Module(NamedTuple):
    """A module's digest, the names of modules that it may import, and the libraries that it imports."""

    digest: str
    modules: tuple[str, ...]
    libraries: tuple[str, ...]


class CodeDependencies:
    """The modules, data files and libraries that some code depends on, directly or not.

    Args:
        code: syntax trees of code outside of the package.

    Attributes:
        modules: the files of the modules by name.
    """

    def __init__(self, code: Iterable[ast.AST]) -> None:
        self._code = [node for tree in code for node in ast.walk(tree)]
        self._cache = _file_cache(files.ROOT / CACHE)
        self.modules: dict[str, Path] = {}
        self._contents: dict[str, _Module] = {}
        waiting, visited = list(_modules(self._code, "", False)), set()
        while waiting:
            if (name := waiting.pop()) in visited:
                continue
            visited.add(name)
            if name.endswith(EVERY_MODULE):
                waiting += _modules_in(name.removesuffix(EVERY_MODULE))
            elif (path := _path(name)) is not None:
                content = _Module(*self._cache.value(path, partial(_describe, name)))
                self.modules[name], self._contents[name] = path, content
                waiting += content.modules
        self._cache.save()

    def digests(self) -> dict[str, str]:
        """Return the digest of each module, and of the data files next to them.

        A module that reads a table or a style sheet has it in its own folder, or in one below that holds no module.
        """
        result = {name: content.digest for name, content in self._contents.items()}
        result |= {files.to_root(path): self._cache.value(path, files.digest_file) for path in self._data()}
        self._cache.save()
        return dict(sorted(result.items()))

    def libraries(self, without: Sequence[str] = ()) -> dict[str, str]:
        """Return the installed version of each library; libraries that are not installed are left out.

        Args:
            without: packages of ours whose libraries do not matter.
        """
        names = set(_libraries(self._code))
        for name, content in self._contents.items():
            if not any(name == package or name.startswith(f"{package}.") for package in without):
                names |= set(content.libraries)
        version = importlib.metadata.version
        return dict(sorted(entry for name in names for entry in _installed(name, version)))

    def paths(self) -> list[Path]:
        """Return the files of the modules, and the data files next to them."""
        return [*self.modules.values(), *self._data()]

    def _data(self) -> list[Path]:
        return [path for folder in {path.parent for path in self.modules.values()} for path in _data(folder)]


def file_states() -> dict[Path, tuple[int, ...]]:
    """Return the state of each file of the package.

    A process that calls this when it loads code can tell later whether the files have changed since.
    """
    folder = files.ROOT / PACKAGE
    paths = (path for path in folder.rglob("*") if path.suffix != ".pyc" and path.name[0] != "." and path.is_file())
    return {path: file_state(path) for path in paths}


def file_state(path: Path) -> tuple[int, ...]:
    """Return size, time of modification in nanoseconds and inode of a file, to be compared for equality only."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino


@cache
def _file_cache(path: Path) -> FileCache:
    return FileCache(path, _VERSION)


def _path(name: str) -> Path | None:
    """Return the file of a module of the package; None if there is no such module."""
    base = f"{files.ROOT}/{name.replace('.', '/')}"
    candidates = (f"{base}/__init__.py", f"{base}.py")
    return next((Path(path) for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - many calls


def _modules_in(package: str) -> list[str]:
    """Return the names of all modules and sub-packages of a package, without the modules of its sub-packages."""
    folder = files.ROOT.joinpath(*package.split("."))
    modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    return [f"{package}.{path.stem}" for path in sorted([*modules, *packages])]


def _data(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are no code, and those of the folders below it that hold no code."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name[0] == "." or entry.name == "__pycache__":
            continue
        if entry.is_file():
            yield from [] if entry.name.endswith((".py", ".pyc")) else [Path(entry.path)]
        elif entry.is_dir() and not _holds_code(entry.path):
            yield from _data(Path(entry.path))


def _holds_code(folder: str) -> bool:
    return any(name.endswith(".py") for _, _, names in os.walk(folder) for name in names)


def _describe(name: str, path: Path) -> _Module:
    """Return what the source of the module `name` says, for the cache."""
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
    """Yield names that may be modules of the package; the caller drops those that are none.

    A text that reads like the name of a module counts: it may be imported by name, or run with `python -m`.
    A text that begins with the name of a package and ends in a computed name, `f"mer.package.{name}"`, counts as all
    modules of the package.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package)
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if _in_package(base))
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
    """Yield the top-level names of imported modules that are neither of the package nor of Python."""
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        tops = (name.partition(".")[0] for name in names)
        yield from (top for top in tops if not _in_package(top) and top not in sys.stdlib_module_names)


@cache
def _installed(name: str, version: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Return the distribution that provides a module, with its version; nothing if it is not installed."""
    for distribution in chain([DISTRIBUTION_NAMES.get(name, name)], _distributions(name)):
        try:
            return ((distribution, version(distribution)),)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ()


def _distributions(name: str) -> Iterator[str]:
    """Yield the distributions that provide a module; slow, because the files of all distributions are listed."""
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
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)] if _in_package(name) else []


def _in_package(name: str) -> bool:
    return name.partition(".")[0] == PACKAGE
