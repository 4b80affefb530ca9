"""Run a study: numbered notebooks in order, each only if something that it depends on has changed.

Each sub-package imports only from those before it: `steps` (what notebooks declare and in which order they run),
`staleness` (what a step depends on, and whether that has changed), `reporting` (screen, pages and messages),
`execution` (the loop and the worker processes), `compare` (two run folders, and replaying a run).
"""

from mer.runner.study import Study, StudyError

__all__ = ["Study", "StudyError"]
