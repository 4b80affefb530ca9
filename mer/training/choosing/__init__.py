"""The choice of a training's parameters inside its training corpora."""
