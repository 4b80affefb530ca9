"""Read the parameters of a study from YAML and overrides, and report all problems at once."""

import hashlib
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mer import files, foreign
from mer.params import messages, renamed, spelling
from mer.params.schema import Params

MAX_TEXT = 4000
"""The longest text of a parameter, in characters: about the longest path of an operating system."""
MAX_INTEGER = 2**63
"""The integer from which on a parameter is refused; the libraries have integers of 64 bits."""
MERGE = "tag:yaml.org,2002:merge"
"""The YAML tag of the key `<<`, which may be repeated."""

DIGEST_LINE = "# sha256 of the lines above: "
"""How the last line of a run folder's `params.yaml` begins. Whoever reads the file notices a flipped byte."""

CHANGED = (
    "the lines are not those that the run wrote: run the study again, which writes the file again; if the change is "
    "yours, delete the last line, which holds the digest"
)


class Loader(yaml.SafeLoader):
    """A safe YAML loader that refuses repeated keys, of which YAML would silently take the last, and names that
    YAML reads as true or false. Dates are texts."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node.

        Raises:
            ConstructorError: the value cannot be read; names its line.
        """
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            problem = f"line {node.start_mark.line + 1}: {str(node.value)[:40]!r} cannot be read ({error})"
            raise yaml.constructor.ConstructorError(None, None, problem, None) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return a mapping.

        Raises:
            ConstructorError: a key occurs twice, or is true or false; names the lines.
        """
        lines: dict[Any, int] = {}
        for key in (key for key, _ in node.value if key.tag != MERGE):
            name, line = self.construct_object(key, deep=True), key.start_mark.line + 1
            if isinstance(name, Hashable) and name in lines:
                problem = f"`{name}` is in line {lines[name]} and again in line {line}; keep one of them"
                raise yaml.constructor.ConstructorError(None, None, problem, None)
            if isinstance(name, bool):
                problem = f"YAML reads the name in line {line} as {str(name).lower()}; put it in quotes"
                raise yaml.constructor.ConstructorError(None, None, problem, None)
            if isinstance(name, Hashable):
                lines[name] = line
        return super().construct_mapping(node, deep)


Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)


class ParamsError(ValueError):
    """The parameters of a study are wrong; one line per problem."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        super().__init__("\n  ".join([f"{source}: {count}", *problems]))


def load(path: str | Path, sets: Iterable[str] = (), name: str | None = None) -> Params:
    """Read and check a study.

    Args:
        path: YAML file, relative to the current folder or to the repository.
        sets: overrides `dotted.path=value`; the value is read as YAML.
        name: replaces the study's name, which is also the name of its run folder.

    Raises:
        ParamsError: with every problem by its dotted path.
    """
    path = Path(path) if Path(path).is_file() else files.from_root(path)
    source = files.to_root(path)
    tree = _read(path, source)
    tree.setdefault("name", path.stem)
    tree.setdefault("study", path.stem)
    problems = [problem for text in sets if (problem := _override(tree, text))]
    if beyond := _beyond_limits(tree):
        raise ParamsError(source, problems + beyond)
    problems += renamed.move(tree)
    if name is not None:
        tree["name"] = name
    problems += spelling.normalise(tree)
    try:
        params = Params.model_validate(tree)
    except ValidationError as error:
        problems += [f"{place}: {text}" if place else text for place, text in messages.explain(error, Params)]
    if problems:
        raise ParamsError(source, problems)
    return params


def dump(params: Params) -> str:
    """Return the complete parameters as YAML, in the order of the schema, and a last line with their digest."""
    text = yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return f"{text}{DIGEST_LINE}{_digest(text)}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, source: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        lines, marker, digest = text.rpartition(DIGEST_LINE)
        if marker and _digest(lines) != digest.rstrip():
            raise ParamsError(source, [CHANGED])
        tree = foreign.load_yaml(text, Loader)
    except FileNotFoundError:
        near = sorted(files.to_root(p) for p in (files.ROOT / "params").glob("*.yaml"))
        raise ParamsError(source, [f"the file does not exist; existing studies: {', '.join(near)}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(source, [f"not readable as UTF-8 text: {error}"]) from None
    except foreign.Malformed as error:
        raise ParamsError(source, [f"not readable as YAML: {error}"]) from None
    if not isinstance(tree, dict):
        raise ParamsError(source, ["expected `name: value` lines at the top level"])
    return tree


def _override(tree: dict[str, Any], text: str) -> str | None:
    """Apply one override `a.b=value` to `tree`; return its problem, if it has one."""
    dotted, equals, value = text.partition("=")
    if not equals or not dotted:
        return f"--set {text}: expected a.b=value"
    try:
        parsed = foreign.load_yaml(value, Loader)
    except foreign.Malformed:
        return f"--set {text}: the value is not readable as YAML"
    *parents, leaf = dotted.split(".")
    for parent in parents:
        child = tree.get(parent)
        if isinstance(child, list) and all(isinstance(item, str) for item in child):
            child = {item: {} for item in child}  # corpora may be a list of names
        tree[parent] = child if isinstance(child, dict) else {}
        tree = tree[parent]
    tree[leaf] = parsed
    return None


def _beyond_limits(value: Any, path: str = "") -> list[str]:
    """Return the problems of texts and integers that no parameter can have."""
    if isinstance(value, dict):
        inner = ((f"{path}.{key}" if path else str(key), item) for key, item in value.items())
        return [problem for name, item in inner for problem in _beyond_limits(item, name[:MAX_TEXT])]
    if isinstance(value, list):
        return [problem for item in value for problem in _beyond_limits(item, path)]
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return [f"{path}: a text of {len(value)} characters; at most {MAX_TEXT} are read"]
    if isinstance(value, str) and ("\0" in value or (not value.isascii() and _surrogates(value))):
        return [f"{path}: the text holds a character that no path and no name can have, not {value[:40]!a}"]
    if isinstance(value, int) and not -MAX_INTEGER < value < MAX_INTEGER:
        return [f"{path}: an integer of more than 64 bits"]
    return []


def _surrogates(text: str) -> bool:
    """Return whether a text has half a surrogate pair, which no encoding can store."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)
