"""Recordings and names below `data.raw` that are damaged or made to do harm: each is one problem, and nothing else."""

import os
import socket
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mer import features
from mer.corpora import selected
from mer.corpora.reading import files as reading
from mer.dataset.manifest import build, schema
from mer.features import audio as audio_features
from mer.media import Unreadable, audio, container, limits, recordings, video
from mer.media.recording_files import recordings_in
from mer.params.schema import Corpus
from mer.runner.staleness import digests
from tests.corpora.trees import put

OPTIONS = build.BuildOptions(
    policy="paper7", seed=0, validation=0.1, test=0.1, folds=5, min_seconds=0.1, max_seconds=30.0
)
RATE = 16_000
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


def tone(seconds=0.5):
    return (0.3 * np.sin(np.arange(round(seconds * RATE)) / 9)).astype(np.float32)


def flac_of_2_to_the_36(path):
    """A FLAC file of half a second whose header states 68,719,476,735 samples."""
    soundfile.write(path, tone(), RATE, format="FLAC")
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the upper 4 of the 36 bits, after 20 bits of rate, 3 of channels and 5 of resolution
    content[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(content)


def flac_of_a_day(path):
    """As above, within the limit of the duration, but not within that of samples per byte."""
    flac_of_2_to_the_36(path)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = struct.pack(">I", 2**32 - 1)
    path.write_bytes(content)


def wav_of_3e38(path):
    soundfile.write(path, np.full(8000, 3.4e38, np.float32), RATE, subtype="FLOAT")


def wav_of_rate(rate):
    def write(path):
        soundfile.write(path, tone(), RATE, subtype="PCM_16")
        content = bytearray(path.read_bytes())
        content[24:28] = struct.pack("<I", rate)
        path.write_bytes(content)

    return write


DAMAGE = {
    "2^36 samples": (flac_of_2_to_the_36, "flac", "hours: the file is damaged"),
    "2^32 samples": (flac_of_a_day, "flac", "the file is damaged"),
    "1 Hz": (wav_of_rate(1), "wav", "a sampling rate of 1 Hz: the file is damaged"),
    "2^31-1 Hz": (wav_of_rate(2**31 - 1), "wav", "a sampling rate of 2147483647 Hz: the file is damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_header_beyond_the_limits_is_a_reason(tmp_path, name):
    write, suffix, reason = DAMAGE[name]
    path = tmp_path / f"a.{suffix}"
    write(path)
    with pytest.raises(Unreadable, match=reason):
        audio.header(path)
    with pytest.raises(Unreadable):  # whoever reads samples without having read the header
        audio.read_native(path)
    with pytest.raises(Unreadable):
        list(audio.blocks(path))


@posix
def test_memory_follows_what_a_file_holds(tmp_path):
    """A header of 2^32 samples would take 16 GB."""
    flac_of_a_day(tmp_path / "a.flac")
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable, match=r"cut off|not readable"):
        audio.read_native(tmp_path / "a.flac")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_samples_beyond_any_unit_are_damage(tmp_path):
    wav_of_3e38(tmp_path / "a.wav")
    for read in (audio.read_mono, lambda path: list(audio.blocks(path))):
        with pytest.raises(Unreadable, match=r"its samples reach 3.4e\+38: the file is damaged"):
            read(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", tone() * 2**31, RATE, subtype="FLOAT")  # in units of 32 bits
    assert np.abs(audio.read_mono(tmp_path / "b.wav")).max() > 2**29


@pytest.mark.parametrize(("frames", "rate", "size"), [(RATE, RATE, 44), (5760 * 50, 48_000, 2 * 50 + 200)])
def test_silence_in_few_bytes_is_no_damage(frames, rate, size):
    assert limits.header_fault(frames / rate, rate, size) is None


@pytest.fixture
def raw(tmp_path):
    """A corpus of twelve readable recordings and the damaged ones."""
    lines = ["file,speaker,emotion"]
    for number in range(12):
        path = tmp_path / f"raw/mine/{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(), RATE)
        lines.append(f"{number}.wav,s{number % 6},{('happy', 'sad')[number % 2]}")
    for number, (write, suffix, _) in enumerate(DAMAGE.values()):
        write(tmp_path / f"raw/mine/damaged{number}.{suffix}")
        lines.append(f"damaged{number}.{suffix},s0,happy")
    wav_of_3e38(tmp_path / "raw/mine/loud.wav")
    lines += ["loud.wav,s1,sad", f"{'x' * 5000}.wav,s2,sad", f"{'y/' * 3000}a.wav,s2,sad", "\0a.wav,s3,happy"]
    (tmp_path / "raw/mine/my.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "raw"


def built(raw, **options):
    corpora = selected({"mine": Corpus(table="mine/my.csv", **options)})
    return build.build(raw, corpora, OPTIONS)


def test_step_01_lists_damaged_recordings_and_goes_on(raw):
    dataset = built(raw)
    usable = schema.usable(dataset.manifest)
    assert set(usable["source_path"]) >= {f"mine/{number}.wav" for number in range(12)}
    excluded = dataset.manifest.loc[dataset.manifest["exclude_reason"].notna(), "source_path"]
    assert sorted(excluded) == [f"mine/damaged{n}.{suffix}" for n, (_, suffix, _) in enumerate(DAMAGE.values())]
    assert len(dataset.problems) == 3  # the names


def test_step_02_lists_damaged_samples_and_goes_on(raw, tmp_path):
    usable = schema.usable(built(raw).manifest)
    heard = audio_features.decode(usable, raw, tmp_path / "store", recordings.spec(0.1, 30.0))
    errors = heard.errors(audio_features.keys(usable))
    assert [error for error in errors if error] == ["its samples reach 3.4e+38: the file is damaged"]


def test_names_that_are_options_or_addresses_stay_names(tmp_path, monkeypatch):
    """libsndfile takes `-` for the standard input, and FFmpeg `http:` for an address."""
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "-", tone(), RATE, format="WAV")
    assert audio.header(Path("-")).seconds == 0.5
    assert container.address(Path("http:/a.mp4")) == str(tmp_path / "http:/a.mp4")


def test_a_folder_called_http_does_not_lead_onto_the_network(tmp_path, monkeypatch):
    """Without the absolute path FFmpeg would connect to 127.0.0.1 and ask for the file."""

    connected = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"

        def accept():
            server.settimeout(1)
            try:
                server.accept()[0].close()
                connected.set()
            except OSError:
                pass

        thread = threading.Thread(target=accept)
        thread.start()
        path = Path("http:") / host / "a.mp4"
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 100)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(Unreadable):
            audio.header(path)
        with pytest.raises(Unreadable):
            list(video.frames(path))
        thread.join()
    assert not connected.is_set()


def test_ffmpeg_reads_files_only():
    assert container.local_options("mp4")["protocol_whitelist"] == "file"


@posix
def test_a_pipe_among_recordings_and_lists_is_a_problem_and_no_wait(tmp_path):
    put(tmp_path, "mine/a.wav")
    for name in ("b.wav", "b.mp4", "b.csv", "b.txt"):
        os.mkfifo(tmp_path / "mine" / name)
    os.mkfifo(tmp_path / "mine/my.csv")
    found = list(reading.audio(tmp_path, tmp_path / "mine"))
    assert [item.name for item in found if not isinstance(item, reading.Problem)] == ["a.wav"]
    [problem] = [item for item in found if isinstance(item, reading.Problem)]
    assert (problem.path, "a pipe" in problem.reason) == ("mine/b.wav", True)
    assert "a pipe" in reading.unreadable_reason(tmp_path / "mine/my.csv")
    assert [path.name for path in recordings_in(tmp_path / "mine")] == ["a.wav"]
    assert digests.digest_by_time(tmp_path)
    assert [name for name, _ in digests.files_below(tmp_path)] == ["mine/a.wav"]


@posix
def test_a_pipe_in_a_corpus_of_the_catalogue_does_not_stop_the_build(tmp_path):
    for name in ("03a01Fa.wav", "03a01Wa.wav"):
        put(tmp_path, f"emodb/wav/{name}")
    for name in ("03a02Fa.wav", "erkennung.txt", "x.txt"):
        os.mkfifo(tmp_path / "emodb" / name)
    done = []
    thread = threading.Thread(target=lambda: done.append(build._parsed(
        tmp_path, {"emodb": tmp_path / "emodb"}, selected(["emodb"]),
        build.labels.mappings("paper7", selected(["emodb"]), {}))), daemon=True)  # fmt: skip
    thread.start()
    thread.join(20)
    assert done, "it waits for the pipe"
    assert any("a pipe" in problem[3] for problem in done[0][1])


@posix
def test_a_name_that_is_not_utf_8_changes_a_digest_and_breaks_none(tmp_path):
    put(tmp_path, "emodb/wav/03a01Fa.wav")
    before = digests.digest_by_time(tmp_path)
    name = os.fsencode(tmp_path / "emodb/wav") + b"/gr\xfc\xdfe.wav"
    with open(name, "wb") as file:  # noqa: PTH123 - a name of bytes
        file.write(b"RIFF")
    assert digests.digest_by_time(tmp_path) != before
    assert digests.run_digests(tmp_path / "run").digest(tmp_path)
    found = list(reading.audio(tmp_path, tmp_path / "emodb"))
    assert [item.path for item in found if isinstance(item, reading.Problem)] == ["emodb/wav/gr\\xfc\\xdfe.wav"]


def test_features_of_a_damaged_recording_are_a_reason(tmp_path):
    flac_of_2_to_the_36(tmp_path / "a.flac")
    soundfile.write(tmp_path / "b.wav", tone(), RATE)
    table = features.extract_table([tmp_path / "a.flac", tmp_path / "b.wav"], "mfcc")
    assert table["error"].isna().tolist() == [False, True]
