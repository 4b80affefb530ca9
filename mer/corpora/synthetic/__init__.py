"""Made-up corpora in the layouts of real ones."""
