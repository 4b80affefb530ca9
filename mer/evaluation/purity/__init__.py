"""Purity of LOCO: the data from which models derive, and the refusal of jobs that derive from held-out data."""
