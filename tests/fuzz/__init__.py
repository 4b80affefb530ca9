"""Fuzzing of everything that reads foreign bytes.

`targets.py` has a function for each reader, `seeds.py` small valid files to begin with. `test_fuzz.py` runs each target
on its seeds and on some hundred mutations of them. For longer runs that are guided by coverage:

    pip install atheris && python -m tests.fuzz audio --seconds 3600
"""
