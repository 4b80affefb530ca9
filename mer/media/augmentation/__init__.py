"""Augmentation of waveforms: noise, codecs, speed, reverberation, pitch, gain, copy-paste."""

from mer.media.augmentation.recipes import Recipe, apply, draw

__all__ = ["Recipe", "apply", "draw"]
