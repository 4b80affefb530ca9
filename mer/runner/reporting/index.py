"""The front page of a run folder, `index.html`, and the same content for programs, `run.json`."""

import contextlib
import datetime
import time
from functools import cache
from pathlib import Path
from typing import Any

from mer import files
from mer.html_pages import frame
from mer.runner import provenance
from mer.runner.reporting import study_summary
from mer.runner.reporting.screen import clock, size
from mer.runner.reporting.states import FINISHED, StepState
from mer.runner.staleness import stamps
from mer.runner.steps.notebook import Step
from mer.runner.study import Study

TEMPLATES = Path(__file__).parent / "template"
PAUSE_SECONDS = 1.0
"""The shortest time between two writings during a run, in seconds."""
FACTS_OF_RUN = ("command", "started", "finished", "parameters", "python", "packages", "git", "hardware")
"""The entries of `run.json` that say when and how the study was run."""
NOT_STARTED = ("unchecked", "waiting", "skipped")
"""The states of steps that this run has not started. Pages of theirs are of an earlier run and are not linked."""


class Index:
    """The front page of one run, written again and again while the run lasts.

    Args:
        study: the study.
        states: the steps of this run.
        others: steps of the study that this run leaves out; they are shown in the state of their last run.
    """

    def __init__(self, study: Study, states: list[StepState], others: list[Step]) -> None:
        self.study = study
        self.states = [*states, *(_previous_state(study, step) for step in others)]
        self.states.sort(key=lambda state: state.step.number)
        self.started = now()
        self._facts: dict | None = None
        self._written = float("-inf")

    @property
    def complete(self) -> bool:
        """Whether both files exist."""
        return all((self.study.folder / name).is_file() for name in ("index.html", "run.json"))

    def refresh(self) -> None:
        """Write both files unless that was just done."""
        if time.monotonic() > self._written + PAUSE_SECONDS:
            self.write("running")

    def write(self, state: str) -> None:
        """Write both files; `state` is that of the study: running, done, failed or interrupted."""
        summary = self._summary(state)
        files.write_json(self.study.folder / "run.json", summary)
        files.write_text(self.study.folder / "index.html", self._page(summary))
        self._written = time.monotonic()

    def write_page(self) -> None:
        """Write the page again, with what `run.json` says about the last run. That file stays as it is.

        A file that is missing or damaged is replaced by what is known now.
        """
        from jinja2 import TemplateError

        try:
            last = files.read_json(self.study.folder / "run.json")
            page = self._page(self._summary(last["state"]) | {name: last[name] for name in FACTS_OF_RUN})
        except (OSError, TemplateError, TypeError, ValueError, AttributeError, KeyError):
            self.write("done")
        else:
            files.write_text(self.study.folder / "index.html", page)

    def _summary(self, state: str) -> dict:
        self._facts = self._facts or provenance.collect()
        return {
            "study": self.study.name,
            "title": self.study.title,
            "banner": self.study.banner,
            "state": state,
            "command": f"python run_all.py {self.study.source}",
            "started": self.started,
            "finished": None if state == "running" else now(),
            "parameters": files.digest(self.study.params),
            **self._facts,
            "steps": [self._entry(state) for state in self.states],
        }

    def remove(self) -> None:
        """Delete the front page."""
        with contextlib.suppress(OSError):
            (self.study.folder / "index.html").unlink(missing_ok=True)

    def _entry(self, state: StepState) -> dict:
        step = state.step
        stamp = stamps.finished(self.study, step.name) or {} if state.finished else {}
        return {
            "number": step.number,
            "name": step.name,
            "title": step.title,
            "subtitle": step.subtitle,
            "state": "waiting" if state.state == "unchecked" else state.state,
            "reason": state.reason,
            "error": state.outcome.message if state.outcome else "",
            "seconds": stamp.get("seconds") if state.seconds is None else round(state.seconds, 2),
            "peak_mb": round(state.peak / 1e6) or stamp.get("peak_mb"),
            "digest": state.digest or stamp.get("digest"),
            "finished": stamp.get("finished"),
            "notices": stamps.notices(self.study, step.name) if state.state in FINISHED else [],
        }

    def _page(self, summary: dict) -> str:
        for entry in summary["steps"]:
            links = {kind: self.study.place(entry["name"], kind) for kind in ("html", "ipynb", "failed", "log")}
            entry["links"] = {
                kind: path.relative_to(self.study.folder).as_posix()
                if entry["state"] not in NOT_STARTED and path.exists()
                else ""
                for kind, path in links.items()
            }
        from jinja2 import TemplateError

        values = {
            "run": summary, "files": study_summary.written_files(self.study, self.states), "title": _title(summary),
            "folder": files.to_root(self.study.folder), "banner": summary["banner"], "day": _day(summary),
        }  # fmt: skip
        study = study_summary.read(self.study, self.states)
        try:
            return _template().render(values, study=study, has_script=study is not None)
        except (TemplateError, TypeError, ValueError, AttributeError):  # the summary was edited by hand
            return _template().render(values, study=None, has_script=False)


def _title(summary: dict) -> str:
    """Return the title of the page: the study, its state and the day."""
    return f"{summary['title']} · {summary['state']} · {_day(summary)[:10]}"


def _day(summary: dict) -> str:
    """Return when the last step finished, which rendering does not change, or when the run started."""
    return max((step["finished"] for step in summary["steps"] if step["finished"]), default=summary["started"])


def now() -> str:
    """Return the local time with its offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _previous_state(study: Study, step: Step) -> StepState:
    """Return the state of a step after its last run."""
    stamp = stamps.read(study, step.name) or {}
    state = stamp.get("state") if stamp.get("state") in ("done", "failed") else "waiting"
    return StepState(step, state, "from an earlier run" if state == "done" else "")


@cache
def _template() -> Any:
    environment = frame.environment(TEMPLATES)
    environment.filters |= {"clock": clock, "size": lambda megabytes: size(megabytes * 1_000_000), "bytes": _bytes}
    return environment.get_template("index.html.j2")


def _bytes(count: int) -> str:
    """Return the size of a file, in kB below 1 MB."""
    return size(count) if count >= 1_000_000 else f"{max(1, round(count / 1000))} kB"
