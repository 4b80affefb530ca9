"""Numbered notebooks, executed in order, and only where something they depend on has changed."""

from mer.runner.execution.loop import run
from mer.runner.steps.schedule import Row, problems, survey
from mer.runner.study import Study, StudyError

__all__ = ["Row", "Study", "StudyError", "problems", "run", "survey"]
