"""Read the parameters of a study from YAML and overrides, and report all problems at once."""

import difflib
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mer import files
from mer.params import renamed
from mer.params.features import TABLE_ORDER, AudioFeatures, TextFeatures, VideoFeatures
from mer.params.schema import Params

MERGE = "tag:yaml.org,2002:merge"
"""The YAML tag of the key `<<`, which may be repeated."""

KINDS = {"audio": AudioFeatures, "text": TextFeatures, "video": VideoFeatures}
"""The parameters of an input by its modality."""
MODALITY_ERRORS = ("union_tag_not_found", "union_tag_invalid", "model_attributes_type")
"""Types of pydantic's errors about an input as a whole."""
OTHER_WORDS = {"replace_with_silence": "silence", "reduceonplateau": "plateau", "balanced": "class_weights",
               "robust": "robust_at", "flexible": "flexible_at"}  # fmt: skip
"""Words of the paper's and the fork's configurations, and the value that has their meaning here."""


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
    try:
        params = Params.model_validate(tree)
    except ValidationError as error:
        problems += [_explain(item) for item in error.errors()]
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


def _explain(item: Any) -> str:
    location = _of_input(item["loc"])
    path = ".".join(str(part) for part in location)
    if location[:1] == ("features",) and (item["type"] in MODALITY_ERRORS or location[-1] == "[key]"):
        return _explain_input(item, path)
    if item["type"] == "missing":
        return f"{path}: is required and missing"
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _names_at(location[:-1], item["loc"]), n=1)
        return f"{path}: there is no such parameter" + (f" (did you mean {near[0]!r}?)" if near else "")
    if item["type"] == "literal_error":
        allowed = [word.strip("'") for word in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        near = [word for word in (OTHER_WORDS.get(str(item["input"])),) if word in allowed]
        near = near or difflib.get_close_matches(str(item["input"]), allowed, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"{path}: {item['input']!r} is not one of {', '.join(allowed)}{hint}"
    problem = item["msg"].removeprefix("Value error, ")
    if isinstance(item["input"], dict):  # the problem is that of a whole section, whose value is too long to be shown
        return f"{path}: {problem}" if path else problem
    return f"{path}: {problem}, not {item['input']!r}"


def _explain_input(item: Any, path: str) -> str:
    """Describe the problem of an input as a whole: its name, its modality, or that it is no mapping."""
    allowed, kinds = f"{', '.join(TABLE_ORDER[:-1])} or {TABLE_ORDER[-1]}", ", ".join(TABLE_ORDER)
    if item["loc"][-1] == "[key]":
        return (f"{path.removesuffix('.[key]')}: {item['input']!r} cannot be the name of an input: use lower-case "
                "letters, digits and _, a letter first")  # fmt: skip
    if item["type"] == "union_tag_not_found":
        near = difflib.get_close_matches(str(item["loc"][-1]), TABLE_ORDER, n=1)
        return f"{path}: say its `modality`: {allowed}" + (f" (did you mean {near[0]!r}?)" if near else "")
    if item["type"] == "union_tag_invalid":
        near = difflib.get_close_matches(str(item["ctx"]["tag"]), TABLE_ORDER, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"{path}.modality: {item['ctx']['tag']!r} is not one of {kinds}{hint}"
    return f"{path}: expected the parameters of an input, such as {{modality: audio}}, not {item['input']!r}"


def _of_input(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a place in the parameters without the modality that pydantic appends to the name of an input."""
    if location[:1] == ("features",) and len(location) > 2 and location[2] in KINDS:
        return (*location[:2], *location[3:])
    return location


def _names_at(location: tuple[Any, ...], full: tuple[Any, ...]) -> list[str]:
    """Return the names of the parameters at a place of the tree.

    Args:
        full: the place as pydantic names it, with the modality of an input.
    """
    if full[:1] == ("features",) and len(full) > 2 and full[2] in KINDS:
        return list(KINDS[full[2]].model_fields)
    model: Any = Params
    for part in location:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        field = model.model_fields.get(str(part))
        model = _model_in(field.annotation) if field else model
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    """Return the section in `Section`, `Section | None` or `dict[str, Section]`."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
