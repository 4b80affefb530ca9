"""`index.html` and `run.json`: the run folder's front page, and the same for programs."""

import datetime
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mer import files
from mer.runner import provenance, stale
from mer.runner.screen import clock
from mer.runner.steps import Step
from mer.runner.study import Study

TEMPLATES = Path(__file__).parent / "template"


@dataclass
class Record:
    """Where a step stands in this run."""

    step: Step
    state: str = "waiting"
    """waiting, running, done, unchanged, failed, interrupted or skipped"""
    reason: str = ""
    seconds: float | None = None
    digest: str | None = None
    error: str = ""


class Index:
    """The front page of one run, written anew whenever a step starts or ends."""

    def __init__(self, study: Study, records: list[Record], others: list[Step]) -> None:
        self.study = study
        self.records = sorted([*records, *(earlier(study, step) for step in others)], key=lambda r: r.step.number)
        self.started = now()
        self._facts: dict | None = None

    @property
    def complete(self) -> bool:
        """Whether both files are there."""
        return all((self.study.folder / name).is_file() for name in ("index.html", "run.json"))

    def write(self, state: str) -> None:
        """Write both files; `state` is that of the study: running, done, failed or interrupted."""
        self._facts = self._facts or provenance.collect()
        summary = {
            "study": self.study.name,
            "state": state,
            "command": f"python run_all.py {self.study.source}",
            "started": self.started,
            "finished": None if state == "running" else now(),
            "parameters": files.digest(self.study.params),
            **self._facts,
            "steps": [self._entry(record) for record in self.records],
        }
        files.write_json(self.study.folder / "run.json", summary)
        files.write_text(self.study.folder / "index.html", self._page(summary))

    def _entry(self, record: Record) -> dict:
        stamp = stale.read_stamp(self.study, record.step.name) or {}
        return {
            "number": record.step.number,
            "name": record.step.name,
            "title": record.step.title,
            "subtitle": record.step.subtitle,
            "state": record.state,
            "reason": record.reason,
            "error": record.error,
            "seconds": stamp.get("seconds") if record.seconds is None else round(record.seconds, 2),
            "digest": record.digest or stamp.get("digest"),
            "finished": stamp.get("finished"),
        }

    def _page(self, summary: dict) -> str:
        for entry in summary["steps"]:
            links = {kind: self.study.place(entry["name"], kind) for kind in ("html", "ipynb", "failed", "log")}
            entry["links"] = {
                kind: path.relative_to(self.study.folder).as_posix() for kind, path in links.items() if path.exists()
            }
        return _template().render(run=summary)


def earlier(study: Study, step: Step) -> Record:
    """Return where a step stands that this run does not look at."""
    if stale.read_stamp(study, step.name):
        return Record(step, "done", "from an earlier run")
    return Record(step, "failed" if study.place(step.name, "failed").exists() else "waiting")


def now() -> str:
    """Return the local time with its offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


@cache
def _template():
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    environment.filters["clock"] = clock
    return environment.get_template("index.html.j2")
