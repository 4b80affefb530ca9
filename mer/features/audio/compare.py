"""The extractor `compare`: the features of the ComParE challenges (Schuller et al. 2016)."""

from mer.features.audio import opensmile

EXTRACTOR = opensmile.extractor("compare")
