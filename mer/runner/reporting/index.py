"""`index.html` and `run.json`: the run folder's front page, and the same for programs."""

import contextlib
import datetime
import time
from functools import cache
from pathlib import Path

from mer import files
from mer.runner import provenance
from mer.runner.reporting.screen import clock, size
from mer.runner.reporting.states import FINISHED, Record, StepRecord
from mer.runner.staleness import stamps
from mer.runner.steps.notebook import Step
from mer.runner.steps.units import Unit, expand
from mer.runner.study import Study, StudyError

TEMPLATES = Path(__file__).parent / "template"
PAUSE = 1.0
"""seconds between two writings during a run"""
UNTOUCHED = ("waiting", "skipped")
"""what a run has not come to: the pages that may lie there are of an earlier one, and are not shown as if of this"""


class Index:
    """The front page of one run, written anew while it goes on."""

    def __init__(self, study: Study, records: list[StepRecord], others: list[Step]) -> None:
        self.study = study
        self.records = sorted([*records, *(earlier(study, step) for step in others)], key=lambda r: r.step.number)
        self.started = now()
        self._facts: dict | None = None
        self._written = float("-inf")

    @property
    def complete(self) -> bool:
        """Whether both files are there."""
        return all((self.study.folder / name).is_file() for name in ("index.html", "run.json"))

    def refresh(self) -> None:
        """Write both files if that was not just done."""
        if time.monotonic() > self._written + PAUSE:
            self.write("running")

    def write(self, state: str) -> None:
        """Write both files; `state` is that of the study: running, done, failed or interrupted."""
        self._facts = self._facts or provenance.collect()
        summary = {
            "study": self.study.name,
            "title": self.study.title,
            "banner": self.study.banner,
            "state": state,
            "command": f"python run_all.py {self.study.source}",
            "started": self.started,
            "finished": None if state == "running" else now(),
            "parameters": files.digest(self.study.params),
            **self._facts,
            "steps": [self._step(record) for record in self.records],
        }
        files.write_json(self.study.folder / "run.json", summary)
        files.write_text(self.study.folder / "index.html", self._page(summary))
        self._written = time.monotonic()

    def remove(self) -> None:
        """Take the front page away."""
        with contextlib.suppress(OSError):
            (self.study.folder / "index.html").unlink(missing_ok=True)

    def _step(self, record: StepRecord) -> dict:
        units = [self._unit(one) for one in record.units or [Record(Unit(record.step, record.step.name))]]
        errors = [unit["error"] for unit in units if unit["error"]]
        known = [unit["seconds"] for unit in units if unit["seconds"] is not None]
        return {
            "number": record.step.number,
            "name": record.step.name,
            "title": record.step.title,
            "subtitle": record.step.subtitle,
            "state": record.state,
            "reason": record.reason or units[0]["reason"],
            "error": record.reason if record.lost == "failed" else errors[0] if errors else "",
            "seconds": round(sum(known), 2) if known else None,
            "peak_mb": max(unit["peak_mb"] or 0 for unit in units) or None,
            "digest": units[0]["digest"] if len(units) == 1 else files.digest([unit["digest"] for unit in units]),
            "finished": max((unit["finished"] or "" for unit in units), default="") or None,
            "notices": [text for unit in units for text in unit["notices"]],
            "units": units if record.step.fan_out else [],
        }

    def _unit(self, record: Record) -> dict:
        stamp = stamps.finished(self.study, record.unit.name) or {} if record.state in FINISHED else {}
        return {
            "name": record.unit.name,
            "item": record.unit.item,
            "state": record.state,
            "reason": record.reason,
            "error": record.outcome.message if record.outcome else "",
            "seconds": stamp.get("seconds") if record.seconds is None else round(record.seconds, 2),
            "peak_mb": round(record.peak / 1e6) or stamp.get("peak_mb"),
            "digest": record.digest or stamp.get("digest"),
            "finished": stamp.get("finished"),
            "notices": stamps.notices(self.study, record.unit.name) if record.state in FINISHED else [],
        }

    def _page(self, summary: dict) -> str:
        for entry in [*summary["steps"], *(unit for step in summary["steps"] for unit in step["units"])]:
            links = {kind: self.study.place(entry["name"], kind) for kind in ("html", "ipynb", "failed", "log")}
            entry["links"] = {
                kind: path.relative_to(self.study.folder).as_posix()
                for kind, path in links.items()
                if entry["state"] not in UNTOUCHED and path.exists()
            }
        return _template().render(run=summary)


def earlier(study: Study, step: Step) -> StepRecord:
    """Return where a step stands that this run does not look at."""
    try:
        units = expand(study, step)
    except StudyError:
        return StepRecord(step)
    records = []
    for unit in units:
        stamp = stamps.read(study, unit.name) or {}
        state = {"done": "done", "failed": "failed"}.get(stamp.get("state", ""), "waiting")
        records.append(Record(unit, state, "from an earlier run" if state == "done" else ""))
    return StepRecord(step, records)


def now() -> str:
    """Return the local time with its offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


@cache
def _template():
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    environment.filters |= {"clock": clock, "size": lambda megabytes: size(megabytes * 1_000_000)}
    return environment.get_template("index.html.j2")
