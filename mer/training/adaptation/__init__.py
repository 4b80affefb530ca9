"""Adapting the predictions of a trained model to one unlabelled test corpus or speaker: nothing is trained."""
