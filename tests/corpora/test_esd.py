"""ESD: two layouts, four encodings, and labels that are no part of the text."""

import pytest

from mer.corpora import CORPORA, Problem, Utterance
from mer.corpora.parsers.esd import parse, transcripts


def put(folder, path, data=b"RIFF"):
    path = folder / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def read(raw, folder="ESD"):
    return list(parse(raw, raw / folder))


def test_the_tree_without_split_folders(tmp_path):
    put(tmp_path, "ESD/0015/Angry/0015_000351.wav")
    put(tmp_path, "ESD/0015/0015.txt", b"0015_000351\tThe nine the eggs, I keep.\tAngry\n")
    (result,) = read(tmp_path)
    assert result == Utterance(
        name="0015_000351",
        path="ESD/0015/Angry/0015_000351.wav",
        speaker="0015",
        emotion_raw="Angry",
        gender="female",
        language="en",
        transcription="The nine the eggs, I keep.",
        text_source="script",
        sentence_id="1",
    )


def test_the_tree_with_split_folders_below_another_folder(tmp_path):
    raw = tmp_path / "test"  # what lies above the corpus says nothing
    for number, part in ((371, "test"), (351, "evaluation"), (401, "train")):
        put(raw, f"ESD/Emotion Speech Dataset/0011/Angry/{part}/0011_000{number}.wav")
    assert {r.sentence_id: r.split_official for r in read(raw)} == {
        "21": "test",
        "1": "validation",
        "51": "train",
    }
    assert not CORPORA["esd"].official_splits


@pytest.mark.parametrize(
    ("number", "label"),
    [(1, "Neutral"), (350, "Neutral"), (351, "Angry"), (701, "Happy"), (1051, "Sad"), (1401, "Surprise")],
)
def test_number_gives_the_emotion_in_any_folder(tmp_path, number, label):
    put(tmp_path, f"ESD/0011/Wrong/0011_{number:06}.wav")
    assert [r.emotion_raw for r in read(tmp_path)] == [label]


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_lists_are_read_in_their_encodings(code):
    text = "It’s naïve, I’m told."
    assert transcripts(f"0011_000001\t{text}\tNeutral\r\n".encode(code)) == {"0011_000001": text}


@pytest.mark.parametrize("label", ["中立", "快乐", "伤心", "生气", "惊喜"])
@pytest.mark.parametrize("code", ["utf-8", "utf-16", "gb18030"])
def test_chinese_labels_are_not_part_of_the_text(label, code):
    lines = f"0011_000001\tOne.\t{label}\n0011_000002 Two words.  {label}\n"
    assert transcripts(lines.encode(code)) == {"0011_000001": "One.", "0011_000002": "Two words."}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("0011_000701\tI am happy\tHappy", "I am happy"),
        ("0011_000701\tI am happy.\tHappy \t", "I am happy."),
        ("0011_000701  I am  happy. Happy", "I am happy."),
        ("0011_000701\tI am happy. Happy", "I am happy."),
        ("0011_000701\tI am happy.", "I am happy."),
        ("0011_000701\tI am happy.\thapy", "I am happy."),
        ("0011_000701 I am happy.\tHappy", "I am happy."),
        ("0011_000701\tHe said\tthis.\tHappy", "He said this."),
        ("0011_000701\t<script>alert(1)</script>\tHappy", "<script>alert(1)</script>"),
    ],
)
def test_label_is_not_part_of_the_text(line, text):
    assert transcripts(line.encode()) == {"0011_000701": text}


@pytest.mark.parametrize("line", ["0011_000701\t\tHappy", "0011_000701", "", "text without an id", "\t\t"])
def test_line_without_text_has_no_transcript(line):
    assert transcripts(line.encode()) == {}


def test_missing_transcript_is_that_of_most_speakers(tmp_path):
    put(tmp_path, "ESD/0011/0011_000351.wav")
    for speaker, text in (("0012", "Right."), ("0013", "Right."), ("0014", "Rigt.")):
        put(tmp_path, f"ESD/{speaker}/{speaker}.txt", f"{speaker}_000001\t{text}\tNeutral\n".encode())
    (result,) = read(tmp_path)
    assert (result.transcription, result.text_source) == ("Right.", "script")


def test_without_lists_there_is_no_text(tmp_path):
    put(tmp_path, "ESD/0011/0011_000351.wav")
    put(tmp_path, "ESD/0011/0011.txt", b"")
    wave, listed = sorted(read(tmp_path), key=lambda r: r.path.endswith(".txt"))
    assert (wave.transcription, wave.text_source) == (None, "none")
    assert "0 bytes" in listed.reason


def test_mandarin_speakers_are_counted_once(tmp_path):
    for number in (1, 2):
        put(tmp_path, f"ESD/0001/0001_{number:06}.wav")
    (result,) = read(tmp_path)
    assert result.path == "ESD"
    assert result.reason.startswith("2 clips of the Mandarin speakers")


@pytest.mark.parametrize("stem", ["0021_000001", "0000_000001", "0011_1"])
def test_other_speakers_are_problems(tmp_path, stem):
    put(tmp_path, f"ESD/{stem}.wav")
    (result,) = read(tmp_path)
    assert isinstance(result, Problem)
    assert result.reason.startswith("expected a name such as 0011_000351")
