"""Getting the corpora that may be downloaded, and saying of every corpus whether it is there and complete.

`addresses` says where each corpus is published, `fetch` brings one file, `archives` unpacks one, `get` makes a
corpus's folder of them, `status` counts what a folder holds and `verify` compares it to published digests.
"""
