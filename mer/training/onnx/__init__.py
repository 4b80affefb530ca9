"""Models as ONNX files: from feature vectors to class probabilities, without MER and without torch.

`graph.py` writes a model's prediction as one torch module, `export.py` turns it into a file, and `check.py` measures by
how much the predictions of the file differ. The vectors come from extractors, which `front_end.py` describes.
"""
