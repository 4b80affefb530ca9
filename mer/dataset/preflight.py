"""What can be refused before anything runs: corpora, labels and folders that a study names and that are not there."""

import difflib

from mer import files
from mer.corpora import CORPORA
from mer.dataset import labels
from mer.params.schema import Params


def problems(params: Params) -> list[str]:
    """Return everything that is wrong with a study, each by its dotted path; cheap, and empty where all is well."""
    found = [_unknown(f"corpora.{name}", name) for name in params.corpora if name not in CORPORA]
    for name, chosen in params.labels.overrides.items():
        if name not in CORPORA:
            found.append(_unknown(f"labels.overrides.{name}", name))
            continue
        try:
            labels.mapping(params.labels.policy, name, CORPORA[name].emotions, chosen)
        except labels.UnknownLabel as error:
            found.append(str(error))
    return found + _raw_folder(params)


def _unknown(path: str, name: str) -> str:
    near = difflib.get_close_matches(name, CORPORA, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(CORPORA)}"
    return f"{path}: there is no such corpus ({hint})"


def _raw_folder(params: Params) -> list[str]:
    raw = files.from_root(params.data.raw)
    if params.data.synthetic or (raw.is_dir() and any(raw.iterdir())):
        return []
    state = "is not a folder" if raw.exists() and not raw.is_dir() else "is empty" if raw.exists() else "is not there"
    return [
        f"data.raw: {files.to_root(raw)} {state}; put the corpora into it, one folder each (README, “Your corpora”), "
        "name another folder with --set data.raw=…, or run the demo: python run_all.py"
    ]
