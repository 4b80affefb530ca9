"""The table of addresses: every entry is complete, and no corpus that requires a signature is in it."""

import dataclasses
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mer.corpora import CORPORA
from mer.corpora.download.addresses import FORMS, SOURCES
from mer.corpora.download.source import GB
from mer.corpora.download.transfer.members import parts
from mer.corpora.reading.files import unreadable_reason

ANNOUNCED = {"aesdd", "cafe", "emovo", "emozionalmente", "jl", "mesd", "shemo", "subesco", "urdu"}
"""Corpora that may be added later than their addresses."""
PLAIN = {
    "http://emodb.bilderbar.info/download/download.zip",
    "http://www.festvox.org/cmu_arctic/cmuarctic.data",
    "http://web.eecs.umich.edu/~mihalcea/downloads/MELD.Raw.tar.gz",
}
"""Addresses without https."""
NOT_OPEN = re.compile(r"\bNC\b|non-commercial|research", re.IGNORECASE)
REAL = Path(os.environ.get("MER_REAL_CORPORA", "nowhere"))

pytestmark = pytest.mark.parametrize("name", SOURCES)


def test_addresses_are_of_corpora_without_a_form(name):
    assert name in CORPORA.keys() | ANNOUNCED
    assert name not in FORMS
    assert CORPORA.keys() >= FORMS


def test_folder_is_one_that_the_parser_finds(name, tmp_path):
    (tmp_path / SOURCES[name].folder).mkdir()
    if name in CORPORA:
        corpus = dataclasses.replace(CORPORA[name], file_name_pattern=None)
        assert corpus.find(tmp_path) == tmp_path / SOURCES[name].folder


def test_terms_that_are_not_open_need_a_confirmation(name):
    source = SOURCES[name]
    assert bool(source.terms) == bool(source.licence)
    assert source.licence.startswith("https://") or not source.licence
    if name in CORPORA and NOT_OPEN.search(CORPORA[name].licence):
        assert source.terms


def test_every_file_has_addresses_a_limit_and_its_own_path(name):
    source = SOURCES[name]
    files = source.files()
    assert bool(files) != bool(source.dataverse)
    places = [file.unpack.into if file.unpack else file.name for file in files]
    assert len(set(places)) == len(places)
    assert "" not in places[1:], "an archive that makes up the whole folder comes first"
    for file in files:
        assert parts(file.name, windows=True) == tuple(file.name.split("/"))
        assert 0 < file.max_bytes() <= 12 * GB
        assert len(set(file.urls)) == len(file.urls) > 0
        for url in file.urls:
            assert url in PLAIN or urlsplit(url).scheme == "https"
            assert not set(url) & set(" #")
        if file.digest:
            assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:(?:[0-9a-f]{24}|[0-9a-f]{64})", file.digest)
        if file.unpack:
            assert file.name.endswith((".zip", ".tar.gz"))
            assert file.unpack.limit >= (file.bytes or 0)
            re.compile(file.unpack.skip)
    assert source.space >= sum(file.bytes or 0 for file in files)


@pytest.mark.skipif(not REAL.is_dir(), reason="MER_REAL_CORPORA does not name a folder of real recordings")
def test_digests_equal_those_of_real_files(name):
    """The published files that exist on this machine under their names."""
    corpus = CORPORA.get(name)
    folder = corpus.find(REAL) if corpus else None
    for file in SOURCES[name].files() if folder else ():
        if not file.unpack and (path := folder / file.name).exists():
            assert unreadable_reason(path) is None
            assert file.fault(path) is None
