"""Neural networks: batches, losses, the loop, and what it returns."""
