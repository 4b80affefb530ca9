"""Batches, losses, the loop, the grid and checkpoints."""
