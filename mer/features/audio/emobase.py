"""The extractor `emobase`: openSMILE's set for emotion recognition."""

from mer.features.audio import opensmile

EXTRACTOR = opensmile.extractor("emobase")
