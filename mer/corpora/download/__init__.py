"""Download corpora, and check whether they are present and complete.

`addresses` lists where corpora are published, `fetch` fetches one file, `archives` unpacks an archive, `get` downloads
a corpus, `status` counts the utterances of a folder, and `verify` compares files with published digests.
"""
