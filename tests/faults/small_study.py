"""A whole small study: an undisturbed run of it, and copies of its files to begin from."""

import contextlib
import io
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import run_all
from mer import files
from tests.faults import here
from tests.faults.writes import Writes

STEPS = ("01", "02", "03", "04", "07", "09")
SETTINGS = {
    "corpora": "[emodb, meld, ravdess]", "data.synthetic": "{speakers: 3, clips: 1}", "training.epochs": "2",
    "training.hidden": "4", "evaluation.seeds": "[0]", "evaluation.protocols": "[loco]", "evaluation.min_clips": "5",
    "evaluation.min_speakers": "3",
}  # fmt: skip


class Whole:
    """An undisturbed run of a study, and all of its files before each step and after the last.

    Attributes:
        home: the folder of corpora, store, run folder and notebooks.
        study: the study; tests call `restore` before they damage its files.
        expected: the content of everything that the steps wrote.
        kinds: step -> the kinds of files that it writes (tests/faults/writes.py).
    """

    def __init__(self, place: Path) -> None:
        self.home, self._copies = place / "study", place / "copies"
        shutil.copytree(files.ROOT / "notebooks", self.home / "notebooks")
        paths = {"data.raw": self.home / "raw", "data.store": self.home / "store"}
        words = [f"--set={key}={value}" for key, value in (SETTINGS | paths).items()]
        arguments = run_all._parser().parse_args([*words, "--name", "small", "--steps", ",".join(STEPS)])
        study, _, _ = run_all._checked_study(arguments)
        folder = self.home / "outputs" / "small"
        self.study = replace(study, folder=folder, notebooks=self.home / "notebooks", steps=STEPS)
        self.kinds: dict[str, list[str]] = {}
        for step in STEPS:
            shutil.copytree(self.home, self._copies / step, symlinks=True)
            self._run_here(step)
        shutil.copytree(self.home, self._copies / "all", symlinks=True)
        self.expected = self.results()

    def _run_here(self, step: str) -> None:
        """Run a step in this very process, so that its copies have imported what the step needs."""
        written: dict[str, None] = {}
        screen = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), contextlib.redirect_stdout(screen):
            warnings.simplefilter("ignore")
            for module, name, function in Writes(self.home, written.setdefault).patches():
                patch.setattr(module, name, function)
            code = here.run_here(self.study, steps={step})
        assert code == 0, screen.getvalue()
        self.kinds[step] = list(written)

    def restore(self, name: str = "all") -> None:
        """Give the study its files as they were before a step, or after the last."""
        shutil.rmtree(self.home)
        shutil.copytree(self._copies / name, self.home, symlinks=True)

    def run(self, before: Callable[[], None] = here.nothing, **options: object) -> here.Ended:
        """Run the study in a copy of this process, in which `before` is called first."""
        return here.run_copy(self.study, before, **options)

    def results(self, step: str = "") -> dict[str, bytes]:
        """Return the content of every table, prediction and page that a step, or all steps, wrote."""
        stamps = [json.loads(path.read_text()) for path in (self.study.folder / "stamps").glob(f"{step}*.json")]
        places = [self.study.folder / name for stamp in stamps for name in stamp.get("outputs", ())]
        paths = {path for place in places for path in (place, *place.rglob("*")) if path.is_file()}
        return {path.relative_to(self.study.folder).as_posix(): path.read_bytes() for path in paths}

    def differing(self, step: str = "") -> list[str]:
        """Return the outputs of a step, or of all steps, that are not those of the undisturbed run."""
        now = self.results(step)
        assert now
        names = now if step else now | self.expected
        return sorted(name for name in names if now.get(name) != self.expected.get(name))
