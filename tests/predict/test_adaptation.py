"""Models with normalisation by corpus or speaker: what scales the features of a user's recordings."""

import csv

import numpy as np
import pytest
import soundfile

from mer.predict import PredictionSettings, load, predictor
from mer.predict.__main__ import main
from mer.predict.adaptation import FEW_SEGMENTS
from mer.predict.inputs.requests import collect_requests
from mer.training.adaptation import adaptation as adapting
from mer.training.adaptation.rows import Rows, Source
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import Card, Member
from mer.training.checkpoints.checkpoint import CheckpointError
from mer.training.scaling.by_group import MIN_ROWS
from tests.predict.conftest import RATE, save_linear, tone

HERTZ = {"anna": (110, 131, 155, 180, 196, 214), "ben": (320, 333, 352, 371, 395, 410)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve recordings of two speakers, each in a subfolder, one of them with a further folder."""
    home = tmp_path_factory.mktemp("recordings")
    for speaker, notes in HERTZ.items():
        for number, hertz in enumerate(notes):
            path = home / speaker / ("later" if number > 3 else ".") / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(1.0, number, hertz), RATE)
    return home


def model_of(tmp_path, kind, **more):
    return save_linear(tmp_path / "model", training={"normalisation": kind}, **more)


def opened(place, **settings):
    return load(place, settings=PredictionSettings(voice="energy", **settings))


def predicted(model, *paths):
    return [list(one.probabilities.values()) for one in model.predict(collect_requests(paths))]


def vectors(model, paths):
    samples = [soundfile.read(path, dtype="float32")[0] for path in paths]
    return np.stack(model.extractors["audio"].compute(samples))


def recordings(folder):
    return sorted(folder.rglob("*.wav"))


def expected(model, z):
    """The predictions of a linear model for normalised features."""
    standard = (z - model.model.standardiser.moments["audio"][0]) / model.model.standardiser.moments["audio"][1]
    logits = (standard @ model.model.weights.T + model.model.bias) / model.model.temperature
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def z_scores(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def test_single_recording_is_scaled_by_the_training_rows_and_says_so(tmp_path, folder):
    model = opened(model_of(tmp_path, "corpus"))
    [path] = recordings(folder)[:1]
    [prediction] = model(path)
    fitted = model.model.normaliser.fitted[0]["audio"]
    z = (vectors(model, [path]) - fitted["mean"]) / fitted["deviation"]
    np.testing.assert_allclose([list(prediction.probabilities.values())], expected(model, z), atol=1e-5)
    assert prediction.scaled_by == "training"
    [note] = [note for note in model.notes if "normalisation: corpus" in note]
    assert "training rows" in note
    assert "--adapt corpus" in note


def test_corpus_scales_itself_whatever_the_batches(tmp_path, folder, monkeypatch):
    place, paths = model_of(tmp_path, "corpus"), recordings(folder)
    found = predicted(opened(place, adapt="corpus"), folder)
    model = opened(place, adapt="corpus")
    np.testing.assert_allclose(found, expected(model, z_scores(vectors(model, paths))), atol=1e-4)
    monkeypatch.setattr(predictor, "BATCH_SEGMENTS", 5)
    np.testing.assert_allclose(predicted(model, folder), found, atol=1e-6)
    np.testing.assert_allclose(predicted(model, *reversed(paths))[::-1], found, atol=1e-5)


@pytest.mark.parametrize("kind", ["speaker", ["corpus", "speaker"]])
def test_every_subfolder_is_a_speaker(tmp_path, folder, kind):
    model, paths = opened(model_of(tmp_path, kind), adapt="speaker"), recordings(folder)
    x = vectors(model, paths)
    z = np.concatenate([z_scores(part) for part in np.split(x, 2)])
    np.testing.assert_allclose(predicted(model, folder), expected(model, z), atol=1e-3)
    predictions = list(model.predict(collect_requests([folder])))
    assert {one.scaled_by for one in predictions} == {"speaker"}
    assert not any("features are scaled by" in warning for one in predictions for warning in one.warnings)


def test_few_segments_of_a_speaker_are_a_warning(tmp_path, folder):
    model = opened(model_of(tmp_path, "speaker_shrunk"), adapt="speaker")
    paths = [path for path in recordings(folder) if path.stem in "012"]
    predictions = list(model.predict(collect_requests(paths)))
    assert len(paths) == 6 > FEW_SEGMENTS["speaker"] > 3
    assert all("scaled by 3 segments of this speaker only" in one.warnings[0] for one in predictions)


def test_list_names_speakers_and_unknown_ones_are_scaled_with_the_corpus(tmp_path, folder):
    paths, who = recordings(folder), ["x"] * 6 + [""] * 6
    table = tmp_path / "list.csv"
    lines = [f"{path},{speaker}" for path, speaker in zip(paths, who, strict=True)]
    table.write_text("\n".join(["path,speaker", *lines]), encoding="utf-8")
    model = opened(model_of(tmp_path, "speaker"), adapt="speaker")
    predictions = list(model.predict(collect_requests([], [table])))
    x = vectors(model, paths)
    z = np.concatenate([z_scores(x[:6]), z_scores(x)[6:]])
    found = [list(one.probabilities.values()) for one in predictions]
    np.testing.assert_allclose(found, expected(model, z), atol=1e-4)
    assert [one.scaled_by for one in predictions] == ["speaker"] * 6 + ["corpus"] * 6


def test_speakers_are_unknown_if_only_the_corpus_adapts(tmp_path, folder):
    plain = model_of(tmp_path, "speaker_shrunk")
    model = opened(plain, adapt="corpus")
    x = vectors(model, recordings(folder))
    np.testing.assert_allclose(predicted(model, folder), expected(model, z_scores(x)), atol=1e-4)
    shrunk = opened(plain, adapt="speaker")
    assert np.abs(np.subtract(predicted(shrunk, folder), predicted(model, folder))).max() > 1e-3


def test_too_few_recordings_are_scaled_by_the_training_rows(tmp_path, folder):
    place, paths = model_of(tmp_path, "corpus"), recordings(folder)[: MIN_ROWS - 1]
    model = opened(place, adapt="corpus")
    predictions = list(model.predict(collect_requests(paths)))
    assert {one.scaled_by for one in predictions} == {"training"}
    assert all(one.warnings[0].startswith("too few to adapt to: 4 segment(s)") for one in predictions)
    np.testing.assert_array_equal(predicted(model, *paths), predicted(opened(place), *paths))


def test_errors_keep_their_places(tmp_path, folder):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    model = opened(model_of(tmp_path, "corpus"), adapt="corpus")
    first, *others = recordings(folder)
    predictions = list(model.predict(collect_requests([first, broken, *others])))
    assert [one.error is not None for one in predictions] == [False, True, *[False] * len(others)]
    found = [list(one.probabilities.values()) for one in predictions if not one.error]
    np.testing.assert_allclose(found, predicted(model, folder), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "adapt", "match"),
    [("training", "corpus", "nothing to adapt"), ("none", "corpus", "nothing to adapt"),
     ("ranks", "speaker", "nothing to adapt"), ("corpus", "speaker", "use --adapt corpus")],
)  # fmt: skip
def test_model_without_such_statistics_is_refused(tmp_path, kind, adapt, match):
    place = model_of(tmp_path, kind)
    with pytest.raises(CheckpointError, match=match):
        opened(place, adapt=adapt)
    assert not any("normalisation" in note for note in opened(place).notes if kind != "corpus")


@pytest.mark.parametrize("kind", ["ranks", "corpus_ranks", "speaker_ranks", "coral", "speaker_shrunk"])
def test_all_kinds_predict_with_and_without_adapting(tmp_path, folder, kind):
    place = model_of(tmp_path, kind)
    alone = predicted(opened(place), folder)
    np.testing.assert_allclose(alone[0], predicted(opened(place), recordings(folder)[0])[0], rtol=1e-9)
    assert np.isfinite(alone).all()
    if kind != "ranks":
        together = predicted(opened(place, adapt="corpus"), folder)
        assert np.isfinite(together).all()
        assert np.abs(np.subtract(together, alone)).max() > 1e-3


def test_members_of_an_ensemble_are_scaled_each_in_its_own_way(tmp_path, folder):
    home = tmp_path / "both"
    for name, kind in (("plain-seed0", "training"), ("scaled-seed0", "corpus")):
        save_linear(home / "members" / name, training={"normalisation": kind})
    members = [checkpoint.open_checkpoint(home / "members" / name) for name in ("plain-seed0", "scaled-seed0")]
    entries = [Member(folder=one.folder.name, weight=0.5, card_sha256=one.written["card_sha256"]) for one in members]
    fields = {name: getattr(members[0].card, name) for name in members[0].card.model_fields_set}
    card = Card.model_construct(_fields_set={*fields, "members", "format"} - {"training", "temperature"},
                                **{**fields, "model": "ensemble", "members": entries, "training": None})  # fmt: skip
    checkpoint.write(home, {}, card, None)
    model = opened(home, adapt="corpus")
    assert any("--adapt corpus" in note for note in model.notes)
    plain, scaled = (predicted(opened(one.folder, **settings), folder)
                     for one, settings in zip(members, ({}, {"adapt": "corpus"}), strict=True))  # fmt: skip
    product = np.sqrt(np.multiply(plain, scaled))
    np.testing.assert_allclose(predicted(model, folder), product / product.sum(axis=1, keepdims=True), atol=1e-6)


def test_command_writes_what_scaled_the_features(tmp_path, folder):
    place, out = model_of(tmp_path, "speaker"), tmp_path / "p.csv"
    line = [str(folder), "--model", str(place), "--voice", "energy", "--out", str(out), "--html", "--json", "--force"]
    for more, scaled_by, note in ((["--adapt", "speaker"], "speaker", "--adapt speaker), without labels"),
                                  ([], "training", "here those of its training rows take their place")):  # fmt: skip
        assert main([*line, *more]) == 0
        with out.open(encoding="utf-8", newline="") as file:
            assert {row["scaled_by"] for row in csv.DictReader(file)} == {scaled_by}
        page = out.with_suffix(".html").read_text(encoding="utf-8")
        assert note in page
        assert ("features scaled by this speaker" in page) == bool(more)
        assert f'"scaled_by": "{scaled_by}"' in out.with_suffix(".jsonl").read_text(encoding="utf-8")


def test_model_of_an_older_version_is_refused(tmp_path, folder):
    place = model_of(tmp_path, "corpus")
    model, stored = checkpoint.load(place)
    model.normaliser = type(model.normaliser)(("corpus",), ("audio",))
    checkpoint.write(tmp_path / "older", checkpoint.tensors_of(model), stored.card, None)
    with pytest.raises(CheckpointError, match="an earlier version"):
        predicted(opened(tmp_path / "older"), folder)


@pytest.fixture(scope="module")
def recordings_of_one(tmp_path_factory):
    """24 recordings of one speaker, by name of a folder."""
    home = tmp_path_factory.mktemp("many")
    (home / "anna").mkdir()
    for number in range(24):
        soundfile.write(home / "anna" / f"{number:02}.wav", tone(1.0, number, 110 + 11 * number), RATE)
    return home


def adapting_model(place, method, steps=3.0, **training):
    source = Source(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), np.full(2, steps), np.full(2, 2.0))
    return save_linear(place / "model", source=source, training={"adaptation": method, **training})


@pytest.mark.parametrize(("method", "adapt"), [("gaussians", "corpus"), ("speaker_gaussians", "speaker")])
def test_predictions_are_adapted_as_in_training(tmp_path, recordings_of_one, method, adapt):
    place = adapting_model(tmp_path, method)
    model, alone = opened(place, adapt=adapt), opened(place)
    found = predicted(model, recordings_of_one)
    plain = np.array(predicted(alone, recordings_of_one))
    together = np.full(24, "a")
    rows = Rows(plain, vectors(alone, recordings(recordings_of_one)), together, together)
    np.testing.assert_allclose(found, adapting.adapt(method, model.model.source, rows), rtol=1e-3, atol=1e-4)
    assert np.abs(found - plain).max() > 0.05
    assert any("probabilities are adapted" in note for note in model.notes)
    assert any(f"with --adapt {adapt} only" in note for note in alone.notes)


def test_predictions_of_unknown_speakers_and_of_few_recordings_are_not_adapted(tmp_path, recordings_of_one, folder):
    place = adapting_model(tmp_path, "speaker_gaussians")
    alone = predicted(opened(place), recordings_of_one)
    assert predicted(opened(place, adapt="corpus"), recordings_of_one) == alone
    assert predicted(opened(place, adapt="speaker"), folder) == predicted(opened(place), folder)
    [one, *_] = opened(place, adapt="corpus").predict(collect_requests([recordings_of_one]))
    assert one.scaled_by == "training"
