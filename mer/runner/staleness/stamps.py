"""What a unit leaves behind: a stamp that says what it depended on, what it wrote and how it ended.

The stamp of a success is the last thing written. It holds every part of the digest, so that the reason
for running again can be named.
"""

import errno
import os
from pathlib import Path

from mer import files
from mer.runner.staleness import digests
from mer.runner.steps.units import Unit
from mer.runner.study import Study

FORMAT = 2
"""of the stamps; others are not believed"""


def read(study: Study, name: str) -> dict | None:
    """Return a unit's stamp; None where there is none, and an empty one where it cannot be read."""
    path = study.place(name, "stamp")
    try:
        stamp = files.read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and stamp.get("format") == FORMAT else {}


def finished(study: Study, name: str) -> dict | None:
    """Return the stamp of a unit that ended well."""
    stamp = read(study, name)
    return stamp if stamp and stamp.get("state") == "done" else None


def write(study: Study, unit: Unit, state: str, **facts: object) -> None:
    """Say where a unit stands: started, failed or interrupted. How long it last took is kept."""
    stamp = {"format": FORMAT, "state": state, "name": unit.name, "took": took(study, unit), **facts}
    files.write_json(study.place(unit.name, "stamp"), stamp)


def seal(study: Study, unit: Unit, before: dict, facts: dict) -> str:
    """Stamp a unit that ended well and return its digest. `before`: its parts as they were when it started."""
    known = digests.run_digests(study.folder)
    for path in [*(study.folder / name for name in unit.writes), study.place(unit.name, "ipynb")]:
        _to_disk(path)
    generated = [name for name in unit.reads if study.external.get(name, (None, False))[1]]
    parts = before | {
        "inputs": before["inputs"] | {name: digests.digest_by_time(study.external[name][0]) for name in generated}
    }
    stamp = {
        "format": FORMAT, "state": "done", "name": unit.name, "digest": files.digest(parts), **facts, "parts": parts,
        "outputs": {name: known.digest(study.folder / name) for name in unit.writes},
        "notebook": known.digest(study.place(unit.name, "ipynb")), "notices": _noticed(study, unit),
    }  # fmt: skip
    files.write_json(study.place(unit.name, "stamp"), stamp)
    return stamp["digest"]


def page_altered(study: Study, name: str) -> bool:
    """Whether a unit's executed notebook, of which its page is made, is not as it was when the unit ended well."""
    told = (finished(study, name) or {}).get("notebook")  # stamps of earlier versions do not say
    path = study.place(name, "ipynb")
    return told is not None and path.is_file() and files.digest_file(path) != told


def _noticed(study: Study, unit: Unit) -> list[str]:
    path = study.place(unit.name, "notices")
    return files.read_json(path) if path.exists() else []


def _to_disk(path: Path) -> None:
    """Wait until a file or folder would survive a power cut: no stamp may outlive what it vouches for."""
    for file in (
        [found for _, found in digests.files_below(path)] if path.is_dir() else [path] if path.is_file() else []
    ):
        descriptor = os.open(file, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # of file systems that know no such thing
                raise
        finally:
            os.close(descriptor)


def notices(study: Study, name: str) -> list[str]:
    """Return the sentences of `Run.notice` in a unit's last execution."""
    said = (finished(study, name) or {}).get("notices")
    return [text for text in said if isinstance(text, str)] if isinstance(said, list) else []


def took(study: Study, unit: Unit) -> float | None:
    """Return the seconds of the last run that ended well."""
    stamp = read(study, unit.name) or {}
    seconds = stamp.get("seconds" if stamp.get("state") == "done" else "took")
    return seconds if isinstance(seconds, int | float) else None
