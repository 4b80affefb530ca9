"""The extractor `gemaps`: GeMAPS (Eyben et al. 2016)."""

from mer.features.audio import opensmile

EXTRACTOR = opensmile.extractor("gemaps")
