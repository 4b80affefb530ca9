"""What a study is about and what it found, for the front page: `front_page.json`, which a step of the study writes.

The runner knows nothing of its content but the form: `facts` (name and text), `findings` (title, text and link),
`table` and `figure` (mer/html_pages/parts.html.j2), `lost` (sentences) and `pages` (link, name and what it shows).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mer import files
from mer.params import output_check
from mer.runner.reporting.states import StepState
from mer.runner.study import Study

NAME = "front_page.json"
"""The file in the run folder."""
FORM = {"facts": list, "findings": list, "table": dict, "figure": dict, "lost": list, "pages": list}
"""Key -> the type of its value."""
SHOWN = (".csv", ".html", ".json", ".md", ".parquet", ".pdf", ".png", ".svg", ".tex")
"""The kinds of files that the front page links."""


def read(study: Study, states: Sequence[StepState]) -> dict | None:
    """Return the summary; None if the step that writes it has not finished, or the file is no summary.

    Args:
        study: the study.
        states: the steps of the study.
    """
    if not any(state.finished and NAME in state.step.writes for state in states):
        return None
    try:
        output_check.check(study.folder, NAME)
        summary = files.read_json(study.folder / NAME)
    except (OSError, ValueError):  # it is absent, damaged, or was changed
        return None
    known = isinstance(summary, dict) and all(isinstance(summary.get(key), kind) for key, kind in FORM.items())
    return summary if known else None


def written_files(study: Study, states: Sequence[StepState]) -> list[dict]:
    """Return the step, the path and the size in bytes of the tables, figures and predictions of finished steps."""
    rows = []
    for state in states:
        for path in _outputs(study, state) if state.finished else ():
            rows.append({"step": state.step.number, "path": path.relative_to(study.folder).as_posix(),
                         "bytes": path.stat().st_size})  # fmt: skip
    return rows


def _outputs(study: Study, state: StepState) -> Iterator[Path]:
    """Yield the files that a step has written, but none of finished trainings, which only MER reads."""
    for name in state.step.writes:
        place = study.folder / name
        if name.startswith("trainings"):
            continue
        if place.is_file() and place.suffix in SHOWN and name != NAME:
            yield place
        elif place.is_dir():
            yield from sorted(path for path in place.rglob("*") if path.suffix in SHOWN and path.is_file())
