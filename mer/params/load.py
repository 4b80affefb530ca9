"""Read the parameters of a study from YAML and overrides, and report all problems at once."""

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mer import files
from mer.params import messages, renamed, spelling
from mer.params.features import AudioFeatures, TextFeatures, VideoFeatures
from mer.params.schema import Params

MERGE = "tag:yaml.org,2002:merge"
"""The YAML tag of the key `<<`, which may be repeated."""

KINDS = {"audio": AudioFeatures, "text": TextFeatures, "video": VideoFeatures}
"""The parameters of an input by its modality."""


class Loader(yaml.SafeLoader):
    """A safe YAML loader that refuses repeated keys, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Return a mapping.

        Raises:
            ConstructorError: a key occurs twice; names both lines.
        """
        lines: dict[Any, int] = {}
        for key in (key for key, _ in node.value if key.tag != MERGE):
            name, line = self.construct_object(key, deep=True), key.start_mark.line + 1
            if isinstance(name, Hashable) and name in lines:
                problem = f"`{name}` is in line {lines[name]} and again in line {line}; keep one of them"
                raise yaml.constructor.ConstructorError(None, None, problem, None)
            if isinstance(name, Hashable):
                lines[name] = line
        return super().construct_mapping(node, deep)


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
    """Return the complete parameters as YAML, in the order of the schema."""
    return yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _read(path: Path, source: str) -> dict[str, Any]:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a subclass of the safe loader
    except FileNotFoundError:
        near = sorted(files.to_root(p) for p in (files.ROOT / "params").glob("*.yaml"))
        raise ParamsError(source, [f"the file does not exist; existing studies: {', '.join(near)}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(source, [f"not readable as UTF-8 text: {error}"]) from None
    except yaml.YAMLError as error:
        raise ParamsError(source, [f"not readable as YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(tree, dict):
        raise ParamsError(source, ["expected `name: value` lines at the top level"])
    return tree


def _override(tree: dict[str, Any], text: str) -> str | None:
    """Apply one override `a.b=value` to `tree`; return its problem, if it has one."""
    dotted, equals, value = text.partition("=")
    if not equals or not dotted:
        return f"--set {text}: expected a.b=value"
    try:
        parsed = yaml.load(value, Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError:
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
