"""How trainings are carried out: one by one or stacked, and the tricks that make them fast."""
