"""Which modules of the package a notebook imports, directly or not, and what they say.

Read from the source text: nothing is imported. Comments, docstrings and layout do not count.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from mer import files
from mer.runner.steps import parse

PACKAGE = __name__.partition(".")[0]


def digests(code: Iterable[str]) -> dict[str, str]:
    """Return the digest of each module that these cells reach, and of the data files beside them.

    A module that reads a table or a style sheet keeps it in its own folder, so those count too.
    """
    waiting = [name for text in code if (tree := parse(text)) for name in _imports(tree, "", False)]
    result: dict[str, str] = {}
    folders: set[Path] = set()
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in result or path is None:
            continue
        content, imported = _read(path, name, path.stat().st_mtime_ns)
        result[name] = content
        folders.add(path.parent)
        waiting += imported
    for folder in folders:
        result |= {files.to_root(path): files.digest_file(path) for path in _data(folder)}
    return dict(sorted(result.items()))


def _path(name: str) -> Path | None:
    base = files.ROOT.joinpath(*name.split("."))
    candidates = (base / "__init__.py", base.parent / f"{base.name}.py")
    return next((path for path in candidates if path.is_file()), None)


def _data(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc") and p.name[0] != "."]


@cache
def _read(path: Path, name: str, changed: int) -> tuple[str, tuple[str, ...]]:
    """A module's digest and the modules it imports; `changed` is there for the cache to see."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imported = tuple(_imports(tree, name, path.name == "__init__.py"))
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [item for item in body if not _is_text(item)]
    return files.digest(ast.dump(tree)), imported


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Yield candidate module names; those that are no module of ours fall out later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package)
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if _ours(base))


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
