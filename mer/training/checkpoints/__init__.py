"""A trained model as a folder: card, tensors, lineage."""
