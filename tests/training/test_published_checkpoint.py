"""The paper's published files become a model folder that predicts as the published formulas do."""

import os

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from skimage import data

from mer import files, predict
from mer.corpora import CORPORA
from mer.evaluation.purity import dependencies
from mer.features.pretrained import loading
from mer.features.video import VideoSegment
from mer.features.video.clips import FaceSearch
from mer.features.video.emo_affectnet_network import EmoAffectNet
from mer.media import audio
from mer.models import __main__ as command
from mer.predict.inputs.segments import PredictionSettings
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.lineage import MISSING, status
from mer.training.checkpoints.published import PublishedFiles, convert
from tests.features.pretrained import tiny
from tests.media.video_files import film, grey
from tests.models.test_published_weights import Code, weights
from tests.models.test_published_weights import published as forward
from tests.predict.conftest import tone

WIDTHS = {"audio": 16, "video": 1024, "text": 24}
"""The stand-ins have 8 and 24 where the published networks have 256 and 768; faces have the published size."""
ENERGY = PredictionSettings(voice="energy")
CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as the authors publish it, with small networks of random weights."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(3)
    tiny.sound(folder / "audio", head="ForSequenceClassification")
    tiny.text(folder / "text", head="ForSequenceClassification", longest=512)
    (folder / "AFEW").mkdir()
    for kind in ("audio", "text"):
        torch.save(loading.network(folder / kind, None, True, "").state_dict(), folder / "AFEW" / f"{kind}.pth")
    torch.save(EmoAffectNet().state_dict(), folder / "AFEW" / "video.pth")
    torch.save(weights(WIDTHS, 32), folder / "AFEW" / "fusion.pth")
    return folder


def sources(place, **changed):
    paths = {kind: place / "AFEW" / f"{kind}.pth" for kind in ("fusion", "audio", "video", "text")}
    return PublishedFiles(
        **paths | {"audio_network": str(place / "audio"), "text_network": str(place / "text")} | changed
    )


@pytest.fixture
def folder(place, tmp_path):
    convert(sources(place), tmp_path / "model", ["afew"])
    return tmp_path / "model"


def clip(path, seconds=4.4):
    """Write a face that moves a little, and a tone with syllables: a video of one's own."""
    face, frames = data.astronaut()[:220, 110:330], []
    for n in range(round(5 * seconds)):
        frame = grey(90, (240, 320))
        frame[10 + n // 3 : 230 + n // 3, 50:270] = face
        frames.append(frame)
    return film(path, frames, rate=5, sound=tone(seconds))


def windows(total, window, step):
    """The published segmentation, as its loop is written."""
    result = []
    for start in range(0, total + 1, step):
        end = min(start + window, total)
        if end - start < step and start != 0:
            break
        result.append((start, end))
    return result


def statistics(segments):
    segments = np.array(segments)
    return np.hstack([segments.mean(axis=0), segments.std(axis=0)])


def audio_features(place, samples):
    """The published audio features, from `load_audio_features`."""
    prepare = transformers.AutoFeatureExtractor.from_pretrained(place / "audio")
    network, segments = loading.network(place / "audio", place / "AFEW/audio.pth", True, ""), []
    for start, end in windows(len(samples), 64_000, 32_000):
        tiled = np.resize(samples[start:end], 64_000)
        values = prepare(tiled, sampling_rate=16_000, return_tensors="pt").input_values
        with torch.inference_mode():
            segments.append(network.projector(network.wav2vec2(values)[0])[0].mean(dim=0).numpy())
    return statistics(segments)


def text_features(place, text):
    """The published text features: the output of `classifier.dense`."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "text")
    network, outputs = loading.network(place / "text", place / "AFEW/text.pth", True, ""), []
    network.classifier.dense.register_forward_hook(lambda *arguments: outputs.append(arguments[2]))
    with torch.inference_mode():
        network(**tokenizer(text, return_tensors="pt"))
    return outputs[0][0].numpy()


def video_features(place, path, model):
    """The published video features, from `load_video_frames`, of the face that MER follows."""
    segment = VideoSegment(path, max_seconds=30.0)
    face, frames = FaceSearch(model.extractors["video"].section)(segment), list(segment.frames(5.0))
    network = EmoAffectNet()
    network.load_state_dict(torch.load(place / "AFEW/video.pth", weights_only=True))
    images = []
    for number, (left, top, right, bottom) in face.boxes.items():
        crop = Image.fromarray(frames[number][top:bottom, left:right]).resize((224, 224), Image.Resampling.NEAREST)
        images.append(np.array(crop, np.float32)[..., ::-1] - np.float32([91.4953, 103.8827, 131.0912]))
    with torch.inference_mode():
        of_frames = network.eval().embed(torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())).numpy()
    return statistics([of_frames[start:end].mean(axis=0) for start, end in windows(len(of_frames), 20, 10)])


def test_ones_own_video_gets_the_probabilities_of_the_published_formulas(place, folder, tmp_path):
    path = clip(tmp_path / "mine.mp4")
    model = predict.load(folder, settings=ENERGY)
    [result] = model(path, text="a b hello")
    samples = audio.read_mono(path)
    vectors = (audio_features(place, samples), video_features(place, path, model), text_features(place, "a b hello"))
    logits = forward(weights(WIDTHS, 32), *(np.asarray(v, np.float64)[None] for v in vectors))[0]
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert result.error is None
    assert tuple(result.probabilities) == CLASSES
    np.testing.assert_allclose(list(result.probabilities.values()), expected, atol=1e-4)  # of samples at 16 bits
    assert result.label == CLASSES[int(expected.argmax())]
    assert result.inputs == ("audio", "video", "text")


def test_an_input_that_is_missing_is_zeros_as_in_the_published_ablation(place, folder, tmp_path):
    path = film(tmp_path / "no_face.mp4", [grey(90)] * 10, rate=5, sound=tone(2.0))
    [result] = predict.load(folder, settings=ENERGY)(path)
    logits = forward(weights(WIDTHS, 32), audio_features(place, audio.read_mono(path))[None], np.zeros((1, 1024)),
                     np.zeros((1, 24)))[0]  # fmt: skip
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(list(result.probabilities.values()), expected, atol=1e-4)
    assert set(result.missing) == {"video", "text"}


def test_the_card_says_where_the_model_comes_from(place, folder):
    stored = checkpoint.open_checkpoint(folder)
    assert (stored.card.corpora, stored.card.families) == (["afew"], ["afew"])
    assert stored.card.training.gate == "softmax"
    assert stored.card.training.hidden == 32
    assert status(stored) == MISSING  # which recordings it was trained on is unknown
    declared = {(e["parameter"], tuple(e["trained_on"] or ())) for e in stored.card.encoders}
    assert ("features.text.weights", ("afew", "meld")) in declared  # the public network had read MELD before
    assert ("features.audio.weights", ("afew",)) in declared
    assert ("features.video.weights", ("afew",)) in declared
    assert "Ryumina" in (folder / "README.md").read_text(encoding="utf-8")


def test_loco_knows_the_corpora_of_a_training_that_begins_with_it(folder):
    items = dependencies.of_checkpoint(str(folder), CORPORA)
    assert {"afew"} <= items[0].families
    assert items[0].status == dependencies.UNKNOWN  # its recordings are not listed
    text = [item for item in items if "features.text.weights" in item.name]
    assert {"afew", "friends"} == set().union(*(item.families for item in text))


def test_six_classes_need_their_order(place, tmp_path):
    torch.save(weights(WIDTHS, 32, 6), tmp_path / "fusion.pth")
    six = sources(place, fusion=tmp_path / "fusion.pth")
    with pytest.raises(CheckpointError, match="it has 6 classes, whose order is not published"):
        convert(six, tmp_path / "model", ["afew"])
    with pytest.raises(CheckpointError, match=r"2 different classes, and .* has 6"):
        convert(six, tmp_path / "model", ["afew"], ["happy", "sad"])
    with pytest.raises(CheckpointError, match="'glad' is no emotion"):
        convert(six, tmp_path / "model", ["afew"], ["glad"] * 6)
    given = ["Happy", "sad", "anger", "surprise", "fear", "disgust"]
    card = convert(six, tmp_path / "model", ["mosei", "afew"], given, multi_label=True)
    assert card.classes == ["happiness", "sadness", "anger", "surprise", "fear", "disgust"]
    model, _ = checkpoint.load(tmp_path / "model")
    assert model.multi_label


@pytest.mark.parametrize(
    ("trained_on", "message"),
    [
        (["AFEW"], "'AFEW' is no corpus of MER; did you mean afew"),
        (["iemocap"], "fusion.pth names afew, which is not listed"),
        ([], "name the corpora"),
        (["VoxCeleb"], "'VoxCeleb' is no corpus of MER"),
    ],
)
def test_corpora_must_be_declared_by_their_ids(place, tmp_path, trained_on, message):
    with pytest.raises(CheckpointError, match=message):
        convert(sources(place), tmp_path / "model", trained_on)
    assert not (tmp_path / "model").exists()


def test_a_folder_of_encoders_names_its_corpus(place, tmp_path):
    (tmp_path / "MELD_encoders").mkdir()
    torch.save(weights(WIDTHS, 32), tmp_path / "MELD_encoders/test_AFEW.pth")
    with pytest.raises(CheckpointError, match="names meld, which is not listed"):
        convert(sources(place, fusion=tmp_path / "MELD_encoders/test_AFEW.pth"), tmp_path / "model", ["afew", "mosei"])


def broken(place, kind, change, folder):
    tensors = torch.load(place / "AFEW" / f"{kind}.pth", weights_only=True)
    change(tensors)
    torch.save(tensors, folder / f"{kind}.pth")
    return sources(place, **{kind: folder / f"{kind}.pth"})


CHANGES = {
    "missing": lambda name: lambda tensors: tensors.pop(name),
    "extra": lambda name: lambda tensors: tensors.update({"more.weight": torch.zeros(2, 2)}),
    "transposed": lambda name: lambda tensors: tensors.update({name: tensors[name].T.contiguous()}),
}


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize(
    ("kind", "name"),
    [("fusion", "gal_ta.WF"), ("audio", "projector.weight"), ("video", "fc1.weight"),
     ("text", "roberta.embeddings.word_embeddings.weight")],
)  # fmt: skip
def test_a_missing_further_or_transposed_tensor_is_refused(place, tmp_path, kind, name, change):
    with pytest.raises((ValueError, OSError), match=rf"{kind}\.pth"):
        convert(broken(place, kind, CHANGES[change](name), tmp_path), tmp_path / "model", ["afew"])
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("kind", ["fusion", "audio", "video", "text"])
def test_code_in_a_file_is_not_run(place, tmp_path, kind):
    ran = tmp_path / "ran"
    change = lambda tensors: tensors.update({"code": Code(str(ran))})  # noqa: E731
    with pytest.raises((ValueError, OSError), match=rf"{kind}\.pth"):
        convert(broken(place, kind, change, tmp_path), tmp_path / "model", ["afew"])
    assert not ran.exists()
    assert not (tmp_path / "model").exists()


def test_files_of_other_sizes_do_not_belong_together(place, tmp_path):
    torch.save(weights({**WIDTHS, "text": 20}, 32), tmp_path / "fusion.pth")
    with pytest.raises(CheckpointError, match="reads 20 features of text, and text has 24"):
        convert(sources(place, fusion=tmp_path / "fusion.pth"), tmp_path / "model", ["afew"])


def test_a_model_is_not_overwritten(place, folder):
    before = files.digest_file(folder / "model.json")
    with pytest.raises(CheckpointError, match="holds a model already"):
        convert(sources(place), folder, ["afew"])
    assert files.digest_file(folder / "model.json") == before


def test_the_command(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(place)
    line = ["convert", "AFEW/fusion.pth", "--audio", "AFEW/audio.pth", "--video", "AFEW/video.pth", "--text",
            "AFEW/text.pth", "--audio-network", "audio", "--text-network", "text", "--trained-on", "afew", "--out",
            str(tmp_path / "model")]  # fmt: skip
    assert command.main(line) == 0
    assert "classes: neutral, happiness" in capsys.readouterr().out
    os.chdir(tmp_path)  # the folder works wherever it is used from
    assert predict.load(tmp_path / "model").inputs == {"audio": "audio", "video": "video", "text": "text"}
    assert command.main(line) == 2
    assert "holds a model already" in capsys.readouterr().err
