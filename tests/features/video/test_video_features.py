"""From video files to vectors: the selected face, missing faces, and the store."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage import data

from mer import features, files
from mer.features import audio, registry, video
from mer.features.extractor import Resources, Unavailable
from mer.features.video import detectors, hog, pooling, resnet
from mer.features.video.detectors import Box, NoWeights
from mer.features.video.emo_affectnet_network import EmoAffectNet
from mer.params.features import read_inputs
from mer.params.schema import Data, VideoFeatures
from tests.media.video_files import film, grey

FACE = data.astronaut()[:220, 110:330]
"""A real face of half the width of this image."""

TONE = 0.1 * np.sin(np.arange(32_000) / 9)


def placed(*places, size=(240, 320)):
    """Return a grey frame with the face at (top, left, side), each; a negative side mirrors it."""
    frame = grey(90, size)
    for top, left, side in places:
        face = FACE if side > 0 else FACE[:, ::-1]
        small = cv2.resize(face, (abs(side), abs(side)), interpolation=cv2.INTER_AREA)
        frame[top : top + abs(side), left : left + abs(side)] = small
    return frame


def moving(count, side=130):
    return [placed((30 + n, 20 + 4 * n, side + n)) for n in range(count)]


def opened(where=None, **options):
    section = VideoFeatures(**options)
    return registry.of_input(section).open(section, where or Resources())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of several kinds of videos."""
    place = tmp_path_factory.mktemp("videos")
    face = moving(10)
    film(place / "face.mp4", face, rate=5, sound=TONE)
    film(place / "mute.webm", face, rate=5)
    film(place / "twice.avi", [frame for frame in face for _ in range(5)], rate=25)
    film(place / "gap.mp4", [*face[:4], *[grey(90, (240, 320))] * 2, *face[6:]], rate=5)
    five = [(10, 10, -90), (10, 110, -100), (10, 220, -95), (125, 40, -105), (118, 190, 120)]
    film(place / "five.mkv", [placed(*five)] * 6, rate=5)
    film(place / "large.mkv", [placed(five[-1])] * 6, rate=5)
    film(place / "small.mkv", [placed(five[1])] * 6, rate=5)
    film(place / "no_face.mp4", [grey(90, (240, 320))] * 10, rate=5, sound=TONE)
    film(place / "one.mp4", face[:1], rate=5)
    data_ = film(place / "whole.mp4", face * 4, rate=5, options={"movflags": "+faststart"}).read_bytes()
    (place / "cut.mp4").write_bytes(data_[: len(data_) // 2])
    (place / "empty.mp4").write_bytes(b"")
    Image.fromarray(FACE).save(place / "image.png")
    (place / "image.png").rename(place / "image.mp4")
    return place


def of(folder, compute, *names, **times):
    return compute([video.VideoSegment(folder / name, **times) for name in names])


def test_vectors_hardly_depend_on_container_rate_and_audio(folder):
    vectors = np.stack(of(folder, opened(), "face.mp4", "mute.webm", "twice.avi"))
    assert vectors.shape == (3, 1152)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.corrcoef(vectors).min() > 0.9


def test_bad_video_gives_a_vector_or_a_reason(folder):
    names = ("no_face.mp4", "cut.mp4", "empty.mp4", "image.mp4", "one.mp4")
    no_face, cut, empty, frame, one = of(folder, opened(), *names)
    assert no_face == Unavailable("no face in any of 10 frames")
    assert "cannot be decoded to its end" in cut.reason or "cut off" in cut.reason
    assert empty == Unavailable("the file is empty (0 bytes)")
    assert frame.reason.startswith("not a video")
    assert not one[576:].any()  # a frame alone does not deviate
    assert one[:576].any()
    with pytest.raises(FileNotFoundError):
        of(folder, opened(), "gone.mp4")


def test_vector_is_of_the_largest_face_and_not_of_the_mean(folder):
    five, large, small = of(folder, opened(), "five.mkv", "large.mkv", "small.mkv")
    assert np.corrcoef(five, large)[0, 1] > 0.9
    assert np.corrcoef(five, small)[0, 1] < 0.75  # that one is mirrored, as are the other three


def test_frames_without_a_face_are_left_out(folder):
    compute = opened(frames_per_second=5.0)
    gap, whole = of(folder, compute, "gap.mp4", "face.mp4")
    first, last = (of(folder, compute, "gap.mp4", start=a, end=b)[0][:576] for a, b in ((0.0, 0.8), (1.2, 2.0)))
    np.testing.assert_allclose(gap[:576], (first + last) / 2, atol=1e-6)
    assert np.corrcoef(gap, whole)[0, 1] > 0.95


def test_vector_does_not_depend_on_other_videos_or_threads(folder):
    names = ["face.mp4", "no_face.mp4", "five.mkv", "twice.avi"]
    together = of(folder, opened(Resources(jobs=3)), *names)
    for name, vector in zip(names, together, strict=True):
        [alone] = of(folder, opened(), name)
        assert isinstance(vector, Unavailable) == isinstance(alone, Unavailable)
        if not isinstance(vector, Unavailable):
            np.testing.assert_array_equal(vector, alone)


def test_segment_times_and_max_seconds(folder):
    [part], [cropped] = (of(folder, opened(), "face.mp4", **s) for s in ({"end": 1.0}, {"max_seconds": 1.0}))
    np.testing.assert_array_equal(part, cropped)
    [other] = of(folder, opened(), "face.mp4", start=1.0)
    assert np.abs(other - part).max() > 0.01


def side_by_side(folder):
    """Write one face on the left, a larger and mirrored one on the right, and each of them alone; lossless enough."""
    left, right = placed((60, 30, 100), size=(240, 240)), placed((40, 40, -160), size=(240, 240))
    film(folder / "both.mkv", [np.concatenate([left, right], axis=1)] * 6, rate=5)
    film(folder / "left.mkv", [left] * 6, rate=5)
    film(folder / "right.mkv", [right] * 6, rate=5)


def test_a_half_of_the_frames_is_searched_alone(tmp_path):
    side_by_side(tmp_path)
    compute = opened()
    both, left, right = of(tmp_path, compute, "both.mkv", "left.mkv", "right.mkv")
    [of_left], [of_right] = (of(tmp_path, compute, "both.mkv", half=half) for half in ("left", "right"))
    same = lambda a, b: np.corrcoef(a[:576], b[:576])[0, 1]  # noqa: E731 - of the means; nothing deviates in a still
    assert same(of_left, left) > same(of_left, right) + 0.2  # boxes differ a little with the size of the frame
    assert same(of_right, right) > same(of_right, left) + 0.2
    assert same(both, right) > same(both, left) + 0.2  # of whole frames the larger face is taken
    with pytest.raises(ValueError, match="no 'top'"):
        of(tmp_path, compute, "both.mkv", half="top")


def test_vectors_of_halves_and_of_times_are_stored_apart(tmp_path):
    side_by_side(tmp_path)
    table = manifest(tmp_path, *["both.mkv"] * 4)
    table = table.assign(video_start=[None, None, 0.4, 0.4], video_end=[None, None, 1.0, 1.0],
                         video_half=[None, "left", "left", "right"], exclude_reason=None)  # fmt: skip
    digest = files.digest_file(tmp_path / "both.mkv")
    assert video.keys(table) == [f"{digest}:{rest}" for rest in ("nan", "nan:left", "0.4:1.0:left", "0.4:1.0:right")]
    inputs = read_inputs({"video": {}})
    store = features.extract(table, tmp_path, tmp_path / "store", inputs, Data(), Resources())["video"]
    vectors, present = store.load(video.keys(table), store.spec["width"])
    assert present.all()
    [direct] = of(tmp_path, opened(), "both.mkv", start=0.4, end=1.0, half="right")
    np.testing.assert_array_equal(vectors[3], direct)
    assert not np.allclose(vectors[2], vectors[3])


def test_hog_depends_on_direction_and_not_on_lighting():
    waves = np.tile(128 + 60 * np.sin(np.arange(64) * 2 * np.pi / 8), (64, 1))  # change from left to right
    upright, lying, dim = (hog.gradients(w[None].astype(np.uint8))[0] for w in (waves, waves.T, waves / 2))
    bins = upright.reshape(-1, 9).sum(axis=0)
    assert bins[[0, 8]].sum() > 0.99 * bins.sum()  # around 0°, that is 180°
    assert lying.reshape(-1, 9).sum(axis=0)[4] > 0.99 * lying.sum()  # 80° to 100°
    np.testing.assert_allclose(dim, upright, atol=0.02)
    assert np.linalg.norm(upright.reshape(16, 36), axis=1).max() < 1.001
    assert not hog.gradients(np.full((1, 64, 64), 7, np.uint8)).any()


@pytest.mark.parametrize("count", [1, 9, 10, 19, 20, 21, 30, 39, 40, 95])
def test_windows_equal_those_of_the_paper_if_every_frame_has_a_face(count):
    vectors = np.random.default_rng(count).normal(size=(count, 3))
    start, windows = 0, []
    while True:  # windows of 20 frames every 10, until less than a step is left
        window = vectors[start : start + 20]
        if len(window) < 10 and start:
            break
        windows.append(window.mean(axis=0))
        start += 10
    means = pooling.window_means(vectors, np.arange(count), count, 5.0)
    np.testing.assert_allclose(means, windows)
    stacked = np.stack(windows)
    both = pooling.pooled(vectors, np.arange(count), count, 5.0, "windows")
    np.testing.assert_allclose(both, [*stacked.mean(axis=0), *stacked.std(axis=0)], rtol=1e-5, atol=1e-6)


def test_windows_without_a_face_are_left_out():
    vectors = np.arange(3.0)[:, None]
    late = pooling.window_means(vectors, np.array([41, 42, 43]), 45, 5.0)
    np.testing.assert_allclose(late, [[1.0]])
    assert pooling.window_means(vectors[:1], np.array([28]), 29, 5.0).tolist() == [[0.0]]


def test_nearest_crop_equals_the_published_preprocessing():
    frame = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    box = Box(13, 7, 13 + 97, 7 + 131)
    published = Image.fromarray(frame).crop(box).resize((224, 224), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(resnet.nearest_crop(frame, box), np.asarray(published))


class Echo(torch.nn.Module):
    """Return the values that reach the network."""

    def forward(self, frames):
        return frames[:, :, 0, :2].flatten(1)  # channels of the first two pixels


def test_networks_get_colours_in_their_training_order_and_range():
    red = np.zeros((1, 224, 224, 3), np.uint8)
    red[..., 0] = 255
    echo = Echo()
    network = resnet.FaceNetwork(echo, echo, lambda f: f[..., ::-1] - np.float32(resnet.VGGFACE2_MEAN))
    values = resnet.in_batches(network, "cpu")(red)
    np.testing.assert_allclose(values[0, ::2], [-91.4953, -103.8827, 255 - 131.0912], rtol=1e-6)


def test_emo_affectnet_from_a_checkpoint_to_1024_features(folder, tmp_path):
    torch.manual_seed(0)
    network = EmoAffectNet().eval()
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in network.state_dict().items()}}
    torch.save(wrapped, tmp_path / "weights.pt")
    section = VideoFeatures(extractor="emo_affectnet", weights=str(tmp_path / "weights.pt"))
    describe = resnet.emo_affectnet(section, Resources())
    faces = np.stack([cv2.resize(FACE, (224, 224)), cv2.resize(FACE[::-1], (224, 224))])
    result = describe(faces)
    blue_first = torch.from_numpy(faces[..., ::-1].astype(np.float32) - np.float32(resnet.VGGFACE2_MEAN))
    with torch.inference_mode():
        alone = network.embed(blue_first[:1].permute(0, 3, 1, 2))  # by itself, and found together with another
    np.testing.assert_allclose(result[:1], alone, atol=1e-5 * np.abs(result).max())
    assert np.abs(result[1] - result[0]).max() > 1e-3 * np.abs(result).max()
    options = {"extractor": "emo_affectnet", "weights": str(tmp_path / "weights.pt"), "pooling": "windows"}
    [vector] = of(folder, opened(**options), "face.mp4", end=0.2)
    assert vector.shape == (1024,)
    assert not vector[512:].any()  # below four seconds there is one window


def test_resnet50_reads_weights_of_torchvision_with_any_classes(tmp_path):
    from safetensors.torch import save_file
    from torchvision.models import resnet50

    save_file(resnet50(num_classes=8).state_dict(), tmp_path / "weights.safetensors")
    section = VideoFeatures(extractor="resnet50", weights=str(tmp_path / "weights.safetensors"))
    face = resnet.smooth_crop(FACE, Box(10, 20, 200, 210))
    assert resnet.resnet50(section, Resources())(face[None]).shape == (1, 2048)


def test_missing_unsafe_or_mismatched_weights_are_refused(tmp_path):
    def fails(name, extractor="emo_affectnet"):
        section = VideoFeatures(extractor=extractor, weights=str(tmp_path / name))
        with pytest.raises(NoWeights) as caught:
            registry.of_input(section).open(section, Resources())
        return str(caught.value)

    assert "gone.pt does not exist; the published one is FER_static_ResNet50_AffectNet.pt: hf" in fails("gone.pt")
    torch.save(Echo(), tmp_path / "code.pt")
    assert "read safely" in fails("code.pt")
    (tmp_path / "text.pt").write_text("nothing")
    assert "read safely" in fails("text.pt")
    torch.save({"fc2.bias": torch.zeros(7)}, tmp_path / "other.pt")
    assert "is not of emo_affectnet" in fails("other.pt")
    assert "is not of resnet50" in fails("other.pt", "resnet50")
    torch.save({"epoch": 3}, tmp_path / "epoch.pt")
    assert "expected a state_dict" in fails("epoch.pt")


def manifest(folder, *names):
    digests = [name and files.digest_file(folder / name) for name in names]
    table = pd.DataFrame({"video_path": names, "video_sha256": digests, "start": None, "end": None})
    return table.astype({"start": "Float64", "end": "Float64"})


def test_store_holds_vectors_and_reasons(folder, tmp_path):
    table, section = manifest(folder, "face.mp4", "no_face.mp4", None, "cut.mp4"), VideoFeatures()
    store = features.Store(tmp_path, video.spec(section, Data()))
    faces = video.stored_faces(tmp_path, section, Data(), Resources(jobs=2))
    video.extract(table, folder, store, opened(), faces)
    vectors, present = store.load(video.keys(table), store.spec["width"])
    assert present.tolist() == [True, False, False, False]
    assert not vectors[1:].any()
    reasons = store.errors(video.keys(table))
    assert reasons[0] is None
    assert reasons[1] == "no face in any of 10 frames"
    assert reasons[2] is None
    assert reasons[3]
    video.extract(table, folder, features.Store(tmp_path, store.spec), None, faces)  # nothing is computed again


def test_changed_video_is_refused(folder, tmp_path):
    table = manifest(folder, "face.mp4").assign(video_sha256="0" * 64)
    store, faces = (
        features.Store(tmp_path, video.spec(VideoFeatures(), Data())),
        video.stored_faces(tmp_path, VideoFeatures(), Data(), Resources()),
    )
    with pytest.raises(audio.RecordingChanged, match=r"face.mp4: changed after the dataset was built"):
        video.extract(table, folder, store, opened(), faces)


@pytest.fixture
def searched(monkeypatch):
    """The number of frames that the detector has searched, as the length of a list."""
    frames, original = [], detectors.haar

    def counting():
        detect = original()
        return lambda frame: frames.append(1) or detect(frame)

    monkeypatch.setattr(detectors, "haar", counting)
    return frames


def test_each_frame_is_searched_once_for_all_video_inputs(folder, tmp_path, searched):
    names = ("face.mp4", "no_face.mp4", "five.mkv", "cut.mp4")
    table = manifest(folder, *names).assign(utterance_id=names, exclude_reason=None)
    sections = {"video": {}, "windows": {"modality": "video", "pooling": "windows"}}
    inputs, keys = read_inputs(sections), video.keys(table)
    of(folder, opened(), *names)
    once = len(searched)
    searched.clear()
    stores = features.extract(table, folder, tmp_path, inputs, Data(), Resources(jobs=2))
    assert len(searched) == once
    for name, store in stores.items():
        vectors, present = store.load(keys, 1152)
        assert present.tolist() == [True, False, True, False]
        for number in (0, 2):
            [alone] = of(folder, opened(pooling=inputs[name].pooling), names[number], max_seconds=30.0)
            np.testing.assert_array_equal(vectors[number], alone)
    assert stores["video"].errors(keys) == stores["windows"].errors(keys)
    searched.clear()
    images = video.first_faces(table[::2], folder, tmp_path, inputs["video"], Data())
    assert [image.shape for image in images.values()] == [(224, 224, 3)] * 2
    features.extract(table, folder, tmp_path, read_inputs({"video": {"frames_per_second": 5.0}}), Data(), Resources())
    assert not searched
    other = read_inputs({"video": {"frames_per_second": 2.5}})
    features.extract(table, folder, tmp_path, other, Data(), Resources())
    assert 0 < len(searched) < once


def test_each_frame_of_a_segment_is_searched_once(folder, searched):
    segment = video.VideoSegment(folder / "face.mp4")
    [first], [second] = opened()([segment]), opened(pooling="windows")([segment])
    assert len(searched) == 10
    assert first.shape == second.shape
    opened(frames_per_second=2.0)([segment])
    assert len(searched) == 14


def test_address_covers_all_that_a_vector_depends_on(tmp_path):
    torch.save({}, tmp_path / "a.pt")
    torch.save({"x": torch.zeros(1)}, tmp_path / "b.pt")
    sections = [VideoFeatures(), VideoFeatures(frames_per_second=10), VideoFeatures(pooling="windows")]
    sections += [VideoFeatures(extractor="resnet50", weights=str(tmp_path / name)) for name in ("a.pt", "b.pt")]
    specs = [video.spec(section, Data()) for section in sections] + [video.spec(VideoFeatures(), Data(max_seconds=20))]
    assert len({files.digest(spec) for spec in specs}) == len(specs)
    assert specs[0]["detector"] == "haar"
    assert specs[0]["opencv"] == cv2.__version__
