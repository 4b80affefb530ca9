"""How trainings are carried out: one by one or stacked, and on which device."""
