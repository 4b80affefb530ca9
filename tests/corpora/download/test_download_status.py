"""The status of a corpus's folder, and the comparison of its files with published digests."""

import dataclasses
import hashlib

import pytest

from mer.corpora import CORPORA
from mer.corpora.download import status, verify
from mer.corpora.download.source import DownloadSource, File
from tests.corpora.trees import put

RAVDESS = dataclasses.replace(CORPORA["ravdess"], expected_counts={"01": 2, "05": 1}, speakers=2)
CLIPS = ("03-01-01-01-01-01-01", "03-01-01-01-01-02-02", "03-01-05-01-01-01-02")


def write(raw, *names, folder="RAVDESS", data=b"RIFF"):
    for name in names:
        path = raw / folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def state_and_report(corpus, raw):
    results = status.status(corpus, raw)
    return results.state, "\n".join(status.report(results))


def test_corpus_is_absent_incomplete_or_complete(tmp_path):
    assert state_and_report(RAVDESS, tmp_path)[0] == "absent"
    (tmp_path / "RAVDESS").mkdir()
    assert state_and_report(RAVDESS, tmp_path)[0] == "incomplete"
    write(tmp_path, *CLIPS[:1])
    state, text = state_and_report(RAVDESS, tmp_path)
    assert state == "incomplete"
    assert "1 of 3 utterances, 1 speakers" in text
    assert "missing: 01 1 of 2, 05 0 of 1, speakers 1 of 2" in text
    write(tmp_path, *CLIPS)
    assert state_and_report(RAVDESS, tmp_path)[0] == "complete"


def test_more_utterances_than_published_are_reported(tmp_path):
    write(tmp_path, *CLIPS, "03-01-05-01-01-02-02")
    state, text = state_and_report(RAVDESS, tmp_path)
    assert state == "complete"
    assert "more than the 3 that are published" in text


def test_problems_are_counted_by_reason_with_examples(tmp_path):
    write(tmp_path, *CLIPS)
    write(tmp_path, *CLIPS, folder="RAVDESS/copy")
    write(tmp_path, "note")
    write(tmp_path, "03-01-06-01-01-01-01", data=b"")
    _, text = state_and_report(RAVDESS, tmp_path)
    assert "3 × duplicate copy of another file  (RAVDESS/copy/03-01-01-01-01-01-01.wav, RAVDESS/copy/" in text
    assert "1 × expected a name such as" in text
    assert "1 × empty file (0 bytes)" in text
    lines = text.splitlines()
    assert lines.index(next(line for line in lines if line.startswith("3 ×"))) == 1


@pytest.mark.parametrize(("missing", "state"), [(1, "complete"), (2, "incomplete")])
def test_known_defects_of_a_corpus_do_not_make_it_incomplete(tmp_path, missing, state):
    corpus = dataclasses.replace(CORPORA["cremad"], expected_counts={"SAD": 1 + missing}, speakers=1)
    write(tmp_path, "1001_DFA_SAD_XX", folder="CREMA-D/AudioWAV")
    assert state_and_report(corpus, tmp_path)[0] == state


def test_slack_is_small_and_of_known_corpora():
    for name, clips in status.SLACK.items():
        assert 0 < clips <= 0.04 * max(CORPORA[name].expected_counts.values())


def test_corpus_without_published_counts_is_present_unless_speakers_are_missing(tmp_path):
    corpus = dataclasses.replace(CORPORA["ravdess"], expected_counts={}, speakers=2)
    write(tmp_path, CLIPS[0])
    assert state_and_report(corpus, tmp_path)[0] == "incomplete"
    write(tmp_path, *CLIPS)
    state, text = state_and_report(corpus, tmp_path)
    assert state == "present"
    assert "no published counts per label" in text


def test_files_are_compared_with_published_digests(tmp_path):
    def published(name, data):
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return File(f"wav/{name}", ("https://publisher.test/x",), len(data), f"md5:{digest}")

    wanted = [published(name, b"RIFF") for name in ("a.wav", "b.wav", "c.wav", "d.wav", "e.wav")]
    source = DownloadSource("X", lambda: [*wanted, File("list.txt", ("https://publisher.test/list",))], space=0)
    for name, data in {"x/a.wav": b"RIFF", "wav/b.wav": b"RAFF", "wav/c.wav": b"RIFF more", "d.flac": b"fLaC"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    result = verify.verify(source, tmp_path)
    text = "\n".join(verify.report(result))
    assert (result.matching, result.converted, result.missing) == (1, 1, ["wav/e.wav"])
    assert "1 files are as published" in text
    assert "2 files differ from what is published" in text
    assert "wav/b.wav: md5" in text
    assert "wav/c.wav: 9 bytes, 4 are published; it is at https://publisher.test/x" in text
    assert "1 files are in another format" in text
    assert verify.report(verify.VerificationResult()) == []
    many = verify.VerificationResult(missing=[f"{number}.wav" for number in range(50)])
    assert verify.report(many)[-1].strip() == "… and 45 more"


def test_corpus_of_texts_without_recordings_is_incomplete(tmp_path):
    lines = ["Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID", *(f"Hi,Joey,joy,0,{n}" for n in range(5))]
    put(tmp_path, "MELD/dev_sent_emo.csv", "\n".join(lines))
    results = status.status(CORPORA["meld"], tmp_path)
    assert results.unreadable == 5
    assert results.state == "incomplete"
    assert "recordings of 5 utterances, of which there is only text" in "\n".join(status.report(results))
