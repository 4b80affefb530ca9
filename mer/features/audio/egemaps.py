"""The extractor `egemaps`: eGeMAPS: GeMAPS extended by cepstra and spectral flux (Eyben et al. 2016)."""

from mer.features.audio import opensmile

EXTRACTOR = opensmile.extractor("egemaps")
