"""One runner per run folder, and nothing left alive of one that was killed."""

import datetime
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mer import files
from mer.runner.execution import processes
from mer.runner.study import StudyError

OURS = ("params.yaml", "stamps", "run.json", "index.html", "interactive", "logs")
"""what tells a run folder from any other"""


@contextmanager
def held(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a run folder for as long as the block runs.

    The operating system gives the lock back when a runner dies, so a stale one is taken over; then what
    the dead runner started is ended first, because it could still write.

    Raises:
        StudyError: another runner holds it, or the folder is not one of ours or cannot be written.
    """
    import filelock

    refuse_foreign(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except NotImplementedError:  # some network drives cannot lock: a file that names its process has to do
            lock = filelock.SoftFileLock(folder / ".soft-lock", timeout=0)
            lock.acquire()
    except filelock.Timeout as error:
        raise StudyError([_taken(folder)]) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _begin(folder, say)
        yield
    except StudyError:  # refused: nothing was begun that might have to be ended
        _leave(folder)
        raise
    else:
        _leave(folder)
    finally:
        lock.release()


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds other things than a run.

    Raises:
        StudyError: it does.
    """
    if folder.exists() and not folder.is_dir():
        raise StudyError([f"{files.to_root(folder)} is a file; the run needs a folder of that name"])
    there = sorted(p.name for p in folder.iterdir() if p.name[0] != ".") if folder.is_dir() else []
    if there and not any(name in there for name in OURS):
        some = ", ".join(there[:3]) + (", …" if len(there) > 3 else "")
        told = f"holds what no run wrote ({some}); empty it, or choose another with --name"
        raise StudyError([f"{files.to_root(folder)} {told}"])


def refuse_other_study(folder: Path, study: str) -> None:
    """Refuse a run folder that holds the results of another study: they would be overwritten.

    Raises:
        StudyError: its `params.yaml` names another one.
    """
    import yaml

    try:
        told = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):  # there is none, or the runner writes it anew
        return
    theirs = told.get("study") if isinstance(told, dict) else None
    if theirs and study and theirs != study:
        place = files.to_root(folder)
        raise StudyError([f"{place} holds a run of the study {theirs!r}, and this is {study!r}: choose another --name, "
                          f"or delete {place} if its results are not needed"])  # fmt: skip


def _begin(folder: Path, say: Callable[[str], None]) -> None:
    path = folder / ".runner.json"
    if path.exists():
        ended = processes.end_all("MER_RUN_FOLDER", str(folder))
        left = f"; ended {ended} processes that it left" if ended else ""
        say(f"the last runner here ({_who(path)}) was killed{left}; going on from what it finished")
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
    who = _who(folder / ".runner.json")
    return f"{files.to_root(folder)} is in use by another runner ({who}): wait for it, end it, or choose another --name"


def _who(path: Path) -> str:
    try:
        told = files.read_json(path)
        return f"process {told['pid']} on {told['host']}, since {told['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "process unknown"
