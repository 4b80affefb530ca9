"""The stamp of a step: a file that holds everything that the step depended on, what it wrote and how it ended.

The stamp of a success is written last. It holds every part of the step's digest, so that the reason for running the
step again can be named.
"""

import errno
import os
from pathlib import Path

from mer import files
from mer.runner.staleness import digests
from mer.runner.steps.notebook import Step
from mer.runner.study import Study

FORMAT = 2
"""The format of stamps; stamps of other formats are not used."""
SEAL = "seal"
"""The entry of the stamp of a success with the digest of all others: what it says is printed and shown on pages."""


def read(study: Study, name: str) -> dict | None:
    """Return the stamp of the step `name`; None if there is none, and an empty one if it cannot be read."""
    path = study.place(name, "stamp")
    try:
        stamp = files.read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("format") == FORMAT else {}


def finished(study: Study, name: str) -> dict | None:
    """Return the stamp of a step that ended well; None for any other."""
    stamp = read(study, name)
    return stamp if stamp and stamp.get("state") == "done" and is_whole(stamp) else None


def is_whole(stamp: dict) -> bool:
    """Return whether the stamp of a step that ended well is as it was written; those of earlier versions always are."""
    return stamp.get(SEAL) in (None, _digest(stamp))


def _digest(stamp: dict) -> str | None:
    """Return the digest of everything else in a stamp; None if JSON cannot express something in it."""
    try:
        return files.digest({name: value for name, value in stamp.items() if name != SEAL})
    except ValueError:
        return None


def write(study: Study, step: Step, state: str, **facts: object) -> None:
    """Write the state of a step: started, failed or interrupted. The duration of its last success is kept."""
    took = last_duration(study, step)
    stamp = {"format": FORMAT, "state": state, "name": step.name, "took": took, **facts}
    files.write_json(study.place(step.name, "stamp"), stamp)


def seal(study: Study, step: Step, started_with: dict, facts: dict) -> str:
    """Write the stamp of a step that ended well and return its digest.

    Args:
        study: the study.
        step: the step.
        started_with: what the step depended on when it started.
        facts: more entries of the stamp.
    """
    cache = digests.run_digests(study.folder)
    for path in [*(study.folder / name for name in step.writes), study.place(step.name, "ipynb")]:
        _to_disk(path)
    generated = [name for name in step.reads if study.external.get(name, (None, False))[1]]
    inputs = {name: digests.digest_by_time(study.external[name][0]) for name in generated}
    parts = started_with | {"inputs": started_with["inputs"] | inputs}
    stamp = {
        "format": FORMAT, "state": "done", "name": step.name, "digest": files.digest(parts), **facts, "parts": parts,
        "outputs": {name: cache.digest(study.folder / name) for name in step.writes},
        "notebook": cache.digest(study.place(step.name, "ipynb")), "notices": _written_notices(study, step),
    }  # fmt: skip
    files.write_json(study.place(step.name, "stamp"), stamp | {SEAL: _digest(stamp)})
    return stamp["digest"]


def notebook_edited(study: Study, name: str) -> bool:
    """Return whether a step's executed notebook, from which its page is made, was changed after the step ended well."""
    digest = (finished(study, name) or {}).get("notebook")  # absent in stamps of earlier versions
    path = study.place(name, "ipynb")
    return digest is not None and path.is_file() and files.digest_file(path) != digest


def notices(study: Study, name: str) -> list[str]:
    """Return the sentences of `Run.notice` in the last execution of a step."""
    texts = (finished(study, name) or {}).get("notices")
    return [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else []


def last_duration(study: Study, step: Step) -> float | None:
    """Return the seconds of the last run of a step that ended well."""
    stamp = read(study, step.name) or {}
    seconds = stamp.get("seconds" if stamp.get("state") == "done" else "took")
    return seconds if isinstance(seconds, int | float) else None


def _written_notices(study: Study, step: Step) -> list[str]:
    path = study.place(step.name, "notices")
    return files.read_json(path) if path.exists() else []


def _to_disk(path: Path) -> None:
    """Wait until a file or folder would survive a power failure: a stamp must not outlive what it describes."""
    below = [file for _, file in digests.files_below(path)] if path.is_dir() else []
    for file in [path] if path.is_file() else below:
        descriptor = os.open(file, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # the file system does not support it
                raise
        finally:
            os.close(descriptor)
