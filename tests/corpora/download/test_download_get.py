"""Downloads of whole corpora from a server on the loopback address."""

import dataclasses
import gzip
import hashlib
import json
import subprocess
import sys
import time

import filelock
import pytest

from mer.corpora import CORPORA
from mer.corpora.download import get, licences
from mer.corpora.download.source import MB, DownloadError, DownloadSource, File, Unpack
from mer.corpora.download.status import status
from mer.corpora.download.transfer import disk
from tests.corpora.download.packing import CLIP, tarred, zipped
from tests.corpora.download.server import IMPATIENT, Server, body, redirect, session
from tests.corpora.download.server import status as answer

SPEECH = [f"Actor_0{actor}/03-01-05-01-01-0{take}-0{actor}.wav" for actor in (1, 2) for take in (1, 2)]
RAVDESS = dataclasses.replace(CORPORA["ravdess"], expected_counts={"05": 4}, speakers=2)
CREMAD = dataclasses.replace(CORPORA["cremad"], expected_counts={"ANG": 2, "SAD": 2}, speakers=2)
EMOVDB = dataclasses.replace(CORPORA["emovdb"], expected_counts={"Amused": 1, "Angry": 1}, speakers=1)
MELD = dataclasses.replace(CORPORA["meld"], expected_counts={"joy": 1, "anger": 1})
LIST = b"Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nHi,Ross,%s,0,0\n"


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def said():
    return []


def serve(server, name, data, *answers, unpack=None, known=True) -> File:
    """Publish a file, by default with its digest."""
    url = server.url(f"/{name}", *(answers or (body(data),)))
    digest = f"sha256:{hashlib.sha256(data).hexdigest()[:24]}" if known else None
    return File(name, (url,), len(data) if known else None, digest, unpack=unpack)


def source(folder, *files, **given) -> DownloadSource:
    return DownloadSource(folder, lambda: files, space=1000, **given)


def bring(corpus, source, raw, said, accept=False):
    get.download(
        corpus, source, raw, accept=accept, print_line=said.append, connection=get.Connection(session(), IMPATIENT)
    )


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def asked(server):
    return sum(map(len, server.seen.values()))


def ravdess(server, *answers):
    data = zipped(*((name, CLIP) for name in SPEECH))
    return source("RAVDESS", serve(server, "speech.zip", data, *answers, unpack=Unpack(MB)))


def test_archive_becomes_a_corpus_and_is_fetched_once(server, tmp_path, said):
    result = ravdess(server)
    bring(RAVDESS, result, tmp_path, said)
    assert tree(tmp_path) == [".downloads/ravdess.lock", *(f"RAVDESS/{name}" for name in SPEECH)]
    assert status(RAVDESS, tmp_path).state == "complete"
    bring(RAVDESS, result, tmp_path, said)
    assert asked(server) == 1
    assert "is there already, 4 utterances" in said[-1]


def test_killed_download_resumes_and_shows_no_partial_corpus(server, tmp_path, said, monkeypatch):
    data = zipped(*((name, CLIP) for name in SPEECH))
    result = ravdess(server, body(data, stop=300, ranges=False), body(data))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(get, "unpack", killed)
    with pytest.raises(KeyboardInterrupt):
        bring(RAVDESS, result, tmp_path, said)
    assert not (tmp_path / "RAVDESS").exists()
    assert RAVDESS.find(tmp_path) is None
    assert [request.get("Range") for request in server.seen["/speech.zip"]] == [None, "bytes=300-"]
    monkeypatch.undo()
    bring(RAVDESS, result, tmp_path, said)
    assert asked(server) == 2
    assert status(RAVDESS, tmp_path).state == "complete"


KILLED = """
import dataclasses, sys
from pathlib import Path
from mer.corpora import CORPORA
from mer.corpora.download import get
from mer.corpora.download.transfer import web
from mer.corpora.download.source import DownloadSource, File, Unpack
url, raw = sys.argv[1:]
session = web.session()
session.trust_env = False
source = DownloadSource("RAVDESS", lambda: [File("speech.zip", (url,), unpack=Unpack(10**6))], 1000)
get.download(
    CORPORA["ravdess"], source, Path(raw), accept=False, print_line=print, connection=get.Connection(session)
)
"""


def test_next_process_resumes_a_killed_one(server, tmp_path, said):
    data = zipped(*((name, CLIP) for name in SPEECH))
    result = ravdess(server, body(data, stop=300, then="stall"), body(data))
    [file] = result.files()
    part = tmp_path / ".downloads" / "ravdess" / "speech.zip.part"
    with subprocess.Popen([sys.executable, "-c", KILLED, file.urls[0], str(tmp_path)]) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(DownloadError, match="another process is downloading it"):
            bring(RAVDESS, result, tmp_path, said)
        process.kill()
    bring(RAVDESS, result, tmp_path, said)
    assert server.seen["/speech.zip"][-1]["Range"] == "bytes=300-"
    assert status(RAVDESS, tmp_path).state == "complete"


def test_file_that_differs_from_the_published_one_is_not_unpacked(server, tmp_path, said, monkeypatch):
    monkeypatch.setattr(get, "unpack", lambda *_: pytest.fail("unpacked"))
    result = ravdess(server, body(zipped(*((name, CLIP[::-1]) for name in SPEECH))))
    with pytest.raises(DownloadError, match=r"sha256 .* is published: deleted, nothing of it was used"):
        bring(RAVDESS, result, tmp_path, said)
    assert tree(tmp_path) == [".downloads/ravdess.lock"]


def test_a_hostile_archive_is_deleted(server, tmp_path, said):
    hostile = serve(server, "speech.zip", zipped(("../../RAVDESS/evil.wav", CLIP)), unpack=Unpack(MB))
    with pytest.raises(DownloadError, match=r"speech.zip: .* leads out of the folder. The archive is deleted"):
        bring(RAVDESS, source("RAVDESS", hostile), tmp_path, said)
    assert tree(tmp_path) == [".downloads/ravdess.lock"]


def test_finished_archives_are_not_fetched_again(server, tmp_path, said):
    amused = gzip.compress(tarred(("./amused_1-28_0001.wav", CLIP)))
    angry = gzip.compress(tarred(("bea_Angry/anger_1-28_0001.wav", CLIP)))
    files = (
        serve(server, "bea_Amused.tar.gz", amused, unpack=Unpack(MB, into="bea_Amused"), known=False),
        serve(server, "bea_Angry.tar.gz", angry, answer(404), unpack=Unpack(MB, into="bea_Angry"), known=False),
        serve(server, "cmuarctic.data", b'( arctic_a0001 "Author of the danger trail." )\n'),
    )
    with pytest.raises(DownloadError, match=r"bea_Angry\.tar\.gz: no address gives it"):
        bring(EMOVDB, source("EmoV-DB", *files), tmp_path, said)
    assert EMOVDB.find(tmp_path) is None
    server.url("/bea_Angry.tar.gz", body(angry))
    bring(EMOVDB, source("EmoV-DB", *files), tmp_path, said)
    assert len(server.seen["/bea_Amused.tar.gz"]) == 1
    assert tree(tmp_path / "EmoV-DB") == [
        "bea_Amused/amused_1-28_0001.wav",
        "bea_Angry/anger_1-28_0001.wav",
        "cmuarctic.data",
    ]
    assert status(EMOVDB, tmp_path).state == "complete"


def test_archives_within_an_archive_and_single_files_are_fetched(server, tmp_path, said):
    inner = {
        name: gzip.compress(tarred((f"{name}_splits/dia0_utt0.mp4", CLIP), (f"{name}_splits/._dia0_utt0.mp4", b"")))
        for name in ("train", "dev")
    }
    outer = gzip.compress(
        tarred(
            ("MELD.Raw/train.tar.gz", inner["train"]),
            ("MELD.Raw/dev.tar.gz", inner["dev"]),
            ("MELD.Raw/dev_sent_emo.csv", b"old"),
        )
    )
    files = (
        serve(server, "raw.tar.gz", outer, unpack=Unpack(MB, depth=2, skip=r"(.*/)?[^/]*_sent_emo\.csv")),
        serve(server, "train_sent_emo.csv", LIST % b"joy"),
        serve(server, "dev_sent_emo.csv", LIST % b"anger"),
    )
    bring(MELD, source("MELD", *files), tmp_path, said)
    assert tree(tmp_path / "MELD") == [
        "dev/dev_splits/dia0_utt0.mp4",
        "dev_sent_emo.csv",
        "train/train_splits/dia0_utt0.mp4",
        "train_sent_emo.csv",
    ]
    result = status(MELD, tmp_path)
    assert (result.state, result.problems) == ("complete", {})


def cremad(server):
    """Publish four clips at two addresses each: the first has no file and the second redirects."""
    files = []
    for name in ("1001_DFA_ANG_XX", "1001_DFA_SAD_XX", "1002_DFA_ANG_XX", "1002_DFA_SAD_XX"):
        data = CLIP + name.encode()
        stored = server.url(f"/stored/{name}.wav", body(data))
        urls = (
            server.url(f"/gone/{name}.wav", answer(403)),
            server.url(f"/good/{name}.wav", redirect(stored)),
        )
        digest = f"sha256:{hashlib.sha256(data).hexdigest()[:24]}"
        files.append(File(f"AudioWAV/{name}.wav", urls, len(data), digest))
    return source("CREMA-D", *files)


def test_address_that_gives_no_file_is_requested_once(server, tmp_path, said):
    bring(CREMAD, cremad(server), tmp_path, said)
    assert status(CREMAD, tmp_path).state == "complete"
    assert sum(len(requests) for path, requests in server.seen.items() if path.startswith("/gone")) == 1


def test_existing_files_stay_and_missing_ones_are_added(server, tmp_path, said):
    mine = tmp_path / "crema-d-master" / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    bring(CREMAD, cremad(server), tmp_path, said)
    assert mine.read_bytes() == b"mine"
    assert len(list(mine.parent.iterdir())) == 4
    assert not (tmp_path / "CREMA-D").exists()
    assert "/good/1001_DFA_ANG_XX.wav" not in server.seen
    assert "1 of 4 files are there, and stay as they are" in said[0]


def test_a_pointer_in_place_of_a_recording_is_not_overwritten(server, tmp_path, said):
    stub = tmp_path / "CREMA-D" / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    stub.parent.mkdir(parents=True)
    stub.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    with pytest.raises(DownloadError, match=r"1 files in .* cannot be used, .* Git-LFS pointer.*Delete them"):
        bring(CREMAD, cremad(server), tmp_path, said)
    assert tree(tmp_path / "CREMA-D") == ["AudioWAV/1001_DFA_ANG_XX.wav"]
    assert asked(server) == 0


def test_a_folder_that_an_archive_cannot_complete_is_left_alone(server, tmp_path, said):
    mine = tmp_path / "RAVDESS" / SPEECH[0]
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(DownloadError, match="there but not complete, and nothing in it is overwritten"):
        bring(RAVDESS, ravdess(server), tmp_path, said)
    assert tree(tmp_path / "RAVDESS") == [SPEECH[0]]
    assert asked(server) == 0


def test_empty_folder_is_accepted_and_a_file_is_refused(server, tmp_path, said):
    (tmp_path / "RAVDESS").mkdir()
    bring(RAVDESS, ravdess(server), tmp_path, said)
    assert status(RAVDESS, tmp_path).state == "complete"
    (tmp_path / "CREMA-D").write_text("a note")
    with pytest.raises(DownloadError, match="CREMA-D is a file; move it away"):
        bring(CREMAD, cremad(server), tmp_path, said)


def test_complete_download_with_missing_utterances_is_reported(server, tmp_path, said):
    bring(CREMAD, cremad(server), tmp_path, said)
    wanting = dataclasses.replace(CREMAD, expected_counts={"FEA": 5})
    with pytest.raises(DownloadError, match="still it is not complete"):
        bring(wanting, cremad(server), tmp_path, said)


def test_terms_are_confirmed_once_before_the_first_byte(server, tmp_path, said):
    result = dataclasses.replace(ravdess(server), terms="no commercial use", licence="https://licence.test")
    for _ in range(2):
        with pytest.raises(DownloadError) as caught:
            bring(RAVDESS, result, tmp_path, said)
    for outcome in ("no commercial use", RAVDESS.licence, "https://licence.test", "download ravdess --accept-licence"):
        assert outcome in str(caught.value)
    assert asked(server) == 0
    assert list(tmp_path.iterdir()) == []
    licences.confirm(RAVDESS, result, tmp_path / ".downloads" / "licences.json", accept=True)
    bring(RAVDESS, result, tmp_path, said)
    assert asked(server) == 1
    notes = json.loads((tmp_path / ".downloads" / "licences.json").read_text())
    assert notes["ravdess"]["licence"] == RAVDESS.licence
    (tmp_path / ".downloads" / "licences.json").write_text("not JSON")
    with pytest.raises(DownloadError, match="if you agree"):
        licences.confirm(RAVDESS, result, tmp_path / ".downloads" / "licences.json", accept=False)
    other = dataclasses.replace(RAVDESS, licence="another wording")
    with pytest.raises(DownloadError, match="another wording"):
        licences.confirm(other, result, tmp_path / ".downloads" / "licences.json", accept=False)


def test_one_process_at_a_time(server, tmp_path, said):
    (tmp_path / ".downloads").mkdir()
    with (
        filelock.FileLock(tmp_path / ".downloads" / "ravdess.lock"),
        pytest.raises(DownloadError, match="another process is downloading it"),
    ):
        bring(RAVDESS, ravdess(server), tmp_path, said)
    bring(RAVDESS, ravdess(server), tmp_path, said)


def test_disk_space_is_checked_first_and_archives_are_kept(server, tmp_path, said, monkeypatch):
    result = ravdess(server)
    with pytest.raises(DownloadError, match=r"ravdess: needs .* free some space"):
        bring(RAVDESS, dataclasses.replace(result, space=10**18), tmp_path, said)
    assert asked(server) == 0
    unpack = get.unpack

    def full(*given):
        monkeypatch.setattr(disk, "RESERVE", 10**18)
        unpack(*given)

    monkeypatch.setattr(get, "unpack", full)
    with pytest.raises(DownloadError, match="free some space"):
        bring(RAVDESS, result, tmp_path, said)
    monkeypatch.undo()
    bring(RAVDESS, result, tmp_path, said)
    assert asked(server) == 1


def test_moving_into_place_overwrites_nothing(tmp_path):
    for name, text in {"tree/a/new.txt": "new", "tree/b.txt": "theirs", "target/b.txt": "mine"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    get._move_into_place(tmp_path / "tree", tmp_path / "target")
    assert tree(tmp_path / "target") == ["a/new.txt", "b.txt"]
    assert (tmp_path / "target" / "b.txt").read_text() == "mine"


def listed(server, entries, *answers):
    path = "/api/datasets/:persistentId/versions/:latest-published/files?persistentId=doi%3A10.5683/SP2/E8H2MF"
    server.url(path, *(answers or [body(json.dumps({"status": "OK", "data": entries}).encode())]))
    return DownloadSource("TESS", tuple, 1000, dataverse=(server.url(""), "doi:10.5683/SP2/E8H2MF"))


def entry(number, name, data, **changed):
    checksum = {"type": "MD5", "value": hashlib.md5(data, usedforsecurity=False).hexdigest()}
    stored = {"id": number, "filesize": len(data), "checksum": checksum}
    return {"label": name, "restricted": False, "dataFile": stored} | changed


TESS = dataclasses.replace(CORPORA["tess"], expected_counts={"angry": 1, "sad": 1}, speakers=2)


def test_dataverse_lists_its_files(server, tmp_path, said):
    packed = zipped(("YAF_back_sad.wav", CLIP))
    server.url("/api/access/datafile/7", body(CLIP))
    server.url("/api/access/datafile/8", body(packed))
    entries = [
        entry(7, "OAF_back_angry.wav", CLIP, directoryLabel="OAF_angry"),
        entry(8, "YAF_sad.zip", packed),
        entry(9, "private.wav", CLIP, restricted=True),
    ]
    bring(TESS, listed(server, entries), tmp_path, said)
    assert tree(tmp_path / "TESS") == ["OAF_angry/OAF_back_angry.wav", "YAF_sad/YAF_back_sad.wav"]
    assert status(TESS, tmp_path).state == "complete"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(7, "../../evil.wav", CLIP)], "leads out of the folder"),
        ([entry(7, "a.wav", CLIP, directoryLabel="../..")], "leads out of the folder"),
        ([entry(7, "/evil.wav", CLIP, directoryLabel="C:")], "names a place on the disk"),
        ([entry(7, "", CLIP)], "is not as a Dataverse writes it"),
        ([entry(7, "a.wav", CLIP) | {"dataFile": {"id": "7?x=", "filesize": 1}}], "is not as a Dataverse"),
        ([entry(7, "a.wav", CLIP) | {"dataFile": {}}], "is not as a Dataverse"),
        ([entry(7, "a.wav", CLIP, restricted=True)], "is empty"),
        ([], "is empty"),
        ("text", "is not as a Dataverse"),
        ([7], "is not as a Dataverse"),
        (None, "is not as a Dataverse"),
    ],
)
def test_invalid_list_of_a_dataverse_is_refused(server, tmp_path, said, entries, message):
    with pytest.raises(DownloadError, match=message):
        bring(TESS, listed(server, entries), tmp_path, said)
    assert asked(server) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (answer(404), "404 Not Found"),
        (body(b"<!doctype html>"), "is not as a Dataverse"),
        (body(b"[" * 100_000), "is not as a Dataverse"),
        (body(b"{}", stop=1), "broke off"),
    ],
)
def test_missing_list_of_a_dataverse_is_reported(server, tmp_path, said, given, message):
    with pytest.raises(DownloadError, match=message):
        bring(TESS, listed(server, None, given), tmp_path, said)
