"""Whether a unit has to run again, and why."""
