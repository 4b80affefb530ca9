"""The loop over the steps of a run, and the worker process of each."""
