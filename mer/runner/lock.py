"""One runner per run folder, and no processes of an earlier one that was killed."""

import datetime
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mer import files, foreign
from mer.runner import processes
from mer.runner.study import StudyError

RUN_FILES = ("params.yaml", "stamps", "run.json", "index.html", "interactive", "logs")
"""Names by which a run folder is recognised."""


@contextmanager
def exclusive(folder: Path, print_line: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a run folder while the block runs.

    The operating system releases the lock of a runner that dies. The next runner then ends the processes that the
    dead one started, because they could still write.

    Raises:
        StudyError: another runner holds the lock, or the folder is no run folder or cannot be written.
    """
    import filelock

    refuse_foreign(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except NotImplementedError:  # some network drives cannot lock: a file that names its process replaces the lock
            lock = filelock.SoftFileLock(folder / ".soft-lock", timeout=0)
            lock.acquire()
    except filelock.Timeout as error:
        raise StudyError([_taken(folder)]) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _begin(folder, print_line)
        yield
    except StudyError:  # refused: nothing was started that might have to be ended
        _leave(folder)
        raise
    else:
        _leave(folder)
    finally:
        lock.release()


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds other files than those of a run.

    Raises:
        StudyError: the folder holds other files.
    """
    if folder.exists() and not folder.is_dir():
        raise StudyError([f"{files.to_root(folder)} is a file; the run needs a folder of that name"])
    names = sorted(p.name for p in folder.iterdir() if p.name[0] != ".") if folder.is_dir() else []
    if names and not any(name in names for name in RUN_FILES):
        some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        problem = f"holds files that no run wrote ({some}); empty it, or choose another with --name"
        raise StudyError([f"{files.to_root(folder)} {problem}"])


def refuse_other_study(folder: Path, study: str) -> None:
    """Refuse a run folder that holds the results of another study: they would be overwritten.

    Raises:
        StudyError: its `params.yaml` names another study.
    """
    import yaml

    try:
        text = (folder / "params.yaml").read_text(encoding="utf-8")
        params = foreign.load_yaml(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError):  # the runner will write it
        return
    stored = params.get("study") if isinstance(params, dict) else None
    if stored and study and stored != study:
        place = files.to_root(folder)
        raise StudyError([f"{place} holds a run of the study {stored!r}, and this is {study!r}: choose another --name, "
                          f"or delete {place} if its results are not needed"])  # fmt: skip


def _begin(folder: Path, print_line: Callable[[str], None]) -> None:
    path = folder / ".runner.json"
    if path.exists():
        ended = processes.end_all("MER_RUN_FOLDER", str(folder))
        left = f"; ended {ended} processes that it left" if ended else ""
        print_line(f"the last runner here ({_owner(path)}) was killed{left}; resuming from what it finished")
    for events in (folder / "logs").glob(".*.events"):  # a step that runs on another machine ends without this file
        events.unlink(missing_ok=True)
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    try:
        files.write_json(path, {"pid": os.getpid(), "host": platform.node(), "started": started})
    except OSError as error:
        raise _unwritable(folder, error) from error


def _leave(folder: Path) -> None:
    (folder / ".runner.json").unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> StudyError:
    return StudyError([f"{files.to_root(folder)} cannot be written: {error.strerror}"])


def _taken(folder: Path) -> str:
    owner = _owner(folder / ".runner.json")
    return (
        f"{files.to_root(folder)} is in use by another runner ({owner}): wait for it, end it, or choose another --name"
    )


def _owner(path: Path) -> str:
    try:
        owner = files.read_json(path)
        return f"process {owner['pid']} on {owner['host']}, since {owner['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "process unknown"
