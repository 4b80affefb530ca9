"""Pretrained networks that read audio: each from waveforms to the activations of their frames."""
