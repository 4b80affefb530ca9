"""Download corpora, and check whether they are present and complete.

`addresses` lists where corpora are published, `get` downloads a corpus, `status` counts the utterances of a folder, and
`verify` compares files with published digests. `transfer` has requests, resumed downloads and archives.
"""
