"""Training of encoders together with the fusion network that reads them.

    recordings (shards), texts ─> items ─> crop, speed, noise ─> encoder in training ─> pooling ─┐
    stored vectors of other inputs ─────────────────────────────────────────────────────────────┴─> scaling ─> network

A step has the rows that any network's step would have, drawn by `networks/sampling.py`. They are sorted by length and
computed in `training.encoders.accumulation` parts; within a part each encoder makes batches with at most 5 % of
padding. The gradient of the step is the sum over its parts, whatever their number and whichever process computes them.
Everything random is drawn from a key of seed, epoch, step and row, so that a killed training goes on at its last
snapshot, which may be within an epoch, to the same bits.

Validation and test rows are read by the extractor of the input (mer/features/audio/encoder.py, text/encoder.py,
video/resnet.py) with the trained weights. A trained model is therefore an ordinary model on the vectors of its
encoders, and its checkpoint holds them as folders (`encoders/<input>/`) from which transformers or torchvision reads.
"""
