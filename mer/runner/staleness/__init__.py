"""Whether a step has to run again, and why."""
