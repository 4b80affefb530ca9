"""The command `python -m mer.corpora`: its output and its exit codes."""

import dataclasses
import functools
import os
import subprocess
import sys

import pytest

from mer.corpora import CORPORA, __main__
from mer.corpora.download import get
from mer.corpora.download.addresses import FORMS, SOURCES
from mer.corpora.download.source import MB, DownloadSource, Unpack
from tests.corpora.download.packing import CLIP, zipped
from tests.corpora.download.server import IMPATIENT, Server, body
from tests.corpora.download.server import status as answer
from tests.corpora.download.test_download_get import SPEECH, serve

REAL = os.environ.get("MER_REAL_CORPORA")


@pytest.fixture
def server(monkeypatch):
    """A server that offers a small RAVDESS; no other address can be reached."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    connection = get.Connection(policy=IMPATIENT)
    monkeypatch.setattr(get, "download", functools.partial(get.download, connection=connection))
    small = dataclasses.replace(CORPORA["ravdess"], expected_counts={"05": 4}, speakers=2)
    monkeypatch.setitem(CORPORA, "ravdess", small)
    with Server() as running:
        file = serve(running, "speech.zip", zipped(*((name, CLIP) for name in SPEECH)), unpack=Unpack(MB))
        for name in list(SOURCES):
            monkeypatch.delitem(SOURCES, name)
        monkeypatch.setitem(
            SOURCES, "ravdess", DownloadSource("RAVDESS", lambda: [file], 1000, "no commercial use", "https://x")
        )
        yield running


def run(capsys, *words):
    code = __main__.main(list(words))
    output = capsys.readouterr()
    return code, output.out, output.err


def test_list_has_every_corpus_with_its_access(capsys):
    code, out, _ = run(capsys, "list")
    lines = {line.split()[0]: line for line in out.splitlines() if line.split()}
    assert code == 0
    for name, corpus in CORPORA.items():
        assert corpus.title in lines[name]
        assert corpus.licence in lines[name]
        how = "download, " if name in SOURCES else " form " if name in FORMS else " by hand "
        assert how in lines[name]


def test_download_status_verify(capsys, server, tmp_path):
    raw = ("--raw", str(tmp_path))
    code, out, err = run(capsys, "status", "ravdess", *raw)
    assert (code, "ravdess        absent" in out) == (1, True)
    assert "next: python -m mer.corpora download ravdess" in out
    code, out, err = run(capsys, "download", "ravdess", *raw)
    assert (code, out) == (1, "")
    assert "python -m mer.corpora download ravdess --accept-licence" in err
    code, out, err = run(capsys, "download", "ravdess", *raw, "--accept-licence")
    assert (code, err) == (0, "")
    assert "complete    4 of 4 utterances, 2 speakers" in out
    code, out, _ = run(capsys, "download", "ravdess", *raw)
    assert (code, "is there already" in out) == (0, True)
    assert sum(map(len, server.seen.values())) == 1
    assert run(capsys, "status", "ravdess", *raw)[0] == 0
    code, out, _ = run(capsys, "verify", "ravdess", *raw)
    assert (code, "no digests of single files are published" in out) == (0, True)
    (tmp_path / "RAVDESS" / SPEECH[0]).unlink()
    assert run(capsys, "status", "ravdess", *raw)[0] == 1
    assert run(capsys, "verify", "ravdess", *raw)[0] == 1
    assert run(capsys, "status", *raw)[0] == 0


def test_corpus_behind_a_form_is_never_fetched(capsys, server, tmp_path):
    for name in FORMS:
        code, out, err = run(capsys, "download", name, "--raw", str(tmp_path), "--accept-licence")
        assert (code, out) == (1, "")
        assert "consent in person; nothing was downloaded" in err
        assert CORPORA[name].instructions in err
        assert CORPORA[name].licence in err
    assert server.seen == {}
    assert list(tmp_path.iterdir()) == []


def test_corpus_that_no_program_may_fetch_is_reported(capsys, server, tmp_path):
    code, _, err = run(capsys, "download", "emodb", "--raw", str(tmp_path))  # not offered by the fixture
    assert (code, "is downloaded by hand; nothing was downloaded" in err) == (1, True)
    assert CORPORA["emodb"].instructions in err


def test_one_failure_does_not_stop_other_downloads(capsys, server, tmp_path):
    code, out, err = run(capsys, "download", "iemocap", "ravdess", "--raw", str(tmp_path), "--accept-licence")
    assert (code, "iemocap" in err, "4 of 4 utterances" in out) == (1, True, True)


def test_failed_download_reports_each_address(capsys, server, tmp_path):
    url = server.url("/speech.zip", answer(503))
    code, _, err = run(capsys, "download", "ravdess", "--raw", str(tmp_path), "--accept-licence")
    assert code == 1
    assert f"speech.zip: no address gives it\n  {url}: the server responds with 503 Service Unavailable" in err


def test_unwritable_folder_is_reported(capsys, server, tmp_path):
    (tmp_path / "raw").write_text("a file")
    code, _, err = run(capsys, "download", "ravdess", "--raw", str(tmp_path / "raw"), "--accept-licence")
    assert (code, "ravdess: " in err, "Not a directory" in err or "File exists" in err) == (1, True, True)


def test_interruption_is_reported_and_the_next_call_resumes(capsys, server, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(get, "unpack", interrupted)
    words = ("download", "ravdess", "--raw", str(tmp_path), "--accept-licence")
    code, _, err = run(capsys, *words)
    assert (code, "type the same line again" in err) == (130, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["download", "ravdes"], "there is no corpus 'ravdes'; did you mean ravdess?"),
        (["download", "MELD"], "did you mean meld?"),
        (["download", "cremadh"], "did you mean cremad?"),
        (["download", "IEMOCAP_full_release"], "did you mean iemocap?"),
        (["status", "xyz"], "`python -m mer.corpora list` shows all"),
        (["download"], "NAME"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage_exits_with_2(capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        __main__.main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_help_names_untested_addresses():
    command = [sys.executable, "-m", "mer.corpora", "download", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    text = " ".join(done.stdout.split())
    assert "documented by their publishers on 2026-11" in text
    assert "are not tested" in text


def test_command_resumes_a_truncated_file(capsys, server, tmp_path):
    data = zipped(*((name, CLIP) for name in SPEECH))
    server.url("/speech.zip", body(data, stop=100), body(data))
    code, _, _ = run(capsys, "download", "ravdess", "--raw", str(tmp_path), "--accept-licence")
    assert code == 0
    assert [request.get("Range") for request in server.seen["/speech.zip"]] == [None, "bytes=100-"]


@pytest.mark.skipif(not REAL, reason="MER_REAL_CORPORA does not name a folder of real recordings")
def test_real_lists_are_complete_and_as_published(capsys):
    code, out, _ = run(capsys, "status", "emorynlp", "--raw", REAL)
    assert (code, "complete    9,489 of 9,489 utterances" in out) == (0, True)
    code, out, _ = run(capsys, "verify", "emorynlp", "cremad", "--raw", REAL)
    assert "3 files are as published" in out
    assert (code, "13 of 7,442 utterances, 3 speakers" in out) == (1, True)  # the folder has a sample of CREMA-D
    assert "13 files are in another format" in out
