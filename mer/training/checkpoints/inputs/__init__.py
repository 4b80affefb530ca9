"""The inputs of a model: how they are extracted, and their value ranges in the training rows."""
