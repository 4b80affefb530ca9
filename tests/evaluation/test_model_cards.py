"""A changed card is refused in one sentence, or the change has no effect on predictions."""

import copy
import json
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mer import corpora, files
from mer.corpora.synthetic import trees
from mer.evaluation import checkpoint as checkpoints
from mer.evaluation import row_selection
from mer.evaluation.__main__ import main as evaluate
from mer.evaluation.purity import dependencies
from mer.params.schema import Synthetic
from mer.predict import PredictionSettings, load
from mer.predict.__main__ import main as predict
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.binding import sealed
from tests.evaluation.toy_data import as_before, older_card
from tests.studies import run_cells

mpl.use("Agg")
GARBAGE = [[[{"a": [None, {"b": [[]]}]}]]]
OTHERS = (None, True, 0, -1, 7, 0.5, 10**400, 1e308, float("nan"), float("inf"), "", "text", "\ud800", [], {}, GARBAGE)
"""The values that replace each value of a card, besides variants of the value itself."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A run folder with a network and a linear model."""
    home = tmp_path_factory.mktemp("cards")
    trees.write(home / "raw", Synthetic(speakers=4, clips=1))
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")}, "corpora": ["emodb", "meld"],
        "features": {"audio": {"n_mfcc": 4}, "text": {"dimensions": 4}},
        "systems": {"gated": {"model": "gated"}, "svm_rbf": {"model": "svm_rbf", "inputs": ["audio"]}},
        "training": {"epochs": 1, "hidden": 2}, "evaluation": {"seeds": [0], "min_clips": 20},
    }  # fmt: skip
    (home / "study.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    run_cells(home / "study.yaml", home / "run", "01,02,03")
    shutil.copy(home / "study.yaml", home / "run/params.yaml")
    plt.close("all")
    return home


@pytest.fixture(scope="module", params=["gated-seed0", "svm_rbf-seed0"])
def asked(study, request):
    """How each reader is asked, and what it says of the card as it was written."""
    return Asked(study, request.param)


class Asked:
    def __init__(self, study, name):
        self.folder = shutil.copytree(study / "run/checkpoints" / name, study / f"touched-{name}")
        self.card = self.folder / "model.json"
        self.text = self.card.read_text(encoding="utf-8")
        self.told = json.loads(self.text)
        self.study = row_selection.open_study(study / "run")
        self.sound = min(study.glob("raw/**/*.wav"))
        self.readers = {"load": self._load, "predict": self._predict, "evaluation": self._evaluated,
                        "lineage": self._lineage}  # fmt: skip
        self.known = {name: reader() for name, reader in self.readers.items()}

    def _load(self):
        model, _ = checkpoint.load(self.folder)
        return [values.tolist() for values in model.tensors().values()], model.temperature

    def _predict(self):
        [answer] = load(self.folder, settings=PredictionSettings(voice="energy"))(self.sound, "What do you want?")
        return answer

    def _evaluated(self):
        result = checkpoints.evaluate(self.folder, self.study)
        return result.results.to_csv(), result.predictions.to_csv()

    def _lineage(self):
        return dependencies.of_checkpoint(str(self.folder), corpora.CORPORA)

    def tried(self):
        """Reader -> what it refused the card with, or nothing where it answered as before."""
        result = {}
        for name, reader in self.readers.items():
            try:
                answer = reader()
            except (checkpoint.CheckpointError, row_selection.IncompatibleCheckpoint) as error:
                result[name] = str(error)
                assert result[name].isprintable(), result[name]
                assert "model.json" in result[name], result[name]
                continue
            result[name] = ""
            if name == "lineage" and answer != self.known[name]:
                assert answer[0].status == dependencies.UNKNOWN
                assert answer[0].exposure is not None  # which accuses all the same
            else:
                assert answer == self.known[name], name
        return result


def places(value, place=()):
    """Every place in a card, from the outside in."""
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*place, key))


def touched(card, place):
    """The card with something else at a place: what it might become by a slip, an edit or a hole in a disk."""

    def put(change):
        other = copy.deepcopy(card)
        inside = other
        for key in place[:-1]:
            inside = inside[key]
        change(inside, place[-1])
        return other

    value = card
    for key in place:
        value = value[key]
    yield put(lambda inside, key: inside.pop(key))
    own = [value[::-1], value[:-1], value + value] if isinstance(value, list | str) and value else []
    own += [{**value, "further": 1}] if isinstance(value, dict) else []
    own += [value + 1, -value, str(value), value * 1.0] if type(value) in (int, float) else []
    for other in (*own, *OTHERS):
        if repr(other) != repr(value):
            yield put(lambda inside, key, other=other: inside.__setitem__(key, other))


def test_every_change_of_every_field_is_refused_or_harmless(asked):
    tried = {}
    for place in places(asked.told):
        for number, card in enumerate(touched(asked.told, place) if place else ()):
            asked.card.write_text(json.dumps(card), encoding="utf-8")
            try:
                tried[place, number] = asked.tried()
            except Exception as error:
                raise AssertionError(f"{place}, change {number}: {card}") from error
    asked.card.write_text(asked.text, encoding="utf-8")
    assert len(tried) > 1500
    answering = {place[0] for (place, _), result in tried.items() if not result["load"]}
    assert not answering & {
        "classes",
        "inputs",
        "widths",
        "model",
        "training",
        "features",
        "extraction",
        "value_ranges",
    }
    assert all(
        result["evaluation"] for result in tried.values()
    )  # where families decide what is a test, all of it counts


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{}", b"[" * 100_000, b'{"format": ' * 100_000, b"\xff\xfe{",
                                  b'{"format": 3}', b'{"format": 3e0}', b'{"format": NaN}', b"9" * 10_000])  # fmt: skip
def test_invalid_json_is_refused(asked, text):
    asked.card.write_bytes(text)
    try:
        assert all(asked.tried().values())
    finally:
        asked.card.write_text(asked.text, encoding="utf-8")


@settings(max_examples=100, suppress_health_check=[HealthCheck.differing_executors])
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=2)), min_size=1, max_size=3))
def test_changed_bytes_are_refused(asked, changes):
    text = asked.text.encode()
    for where, what in changes:
        place = int(where * len(text))
        text = text[:place] + what + text[place + 1 :]
    asked.card.write_bytes(text)
    try:
        asked.tried()
    finally:
        asked.card.write_text(asked.text, encoding="utf-8")


def test_format_of_a_card_cannot_be_changed_and_format_2_is_read(asked):
    """Its tensors do not know it: its own digest does. Tensors that know a card are of no such one."""
    tensors = asked.folder / "model.safetensors"
    written = tensors.read_bytes()
    for change in ({}, {"classes": asked.told["classes"][::-1]}):
        files.write_json(asked.card, older_card(asked.told | change, 2))
        with pytest.raises(
            checkpoint.CheckpointError, match=r"model.json: format is not what was written with the tensors"
        ):
            checkpoint.load(asked.folder)
    asked.card.write_text(asked.text, encoding="utf-8")
    as_before(asked.folder)
    message = json.loads(asked.card.read_text(encoding="utf-8"))
    assert asked.readers["load"]() == asked.known["load"]
    assert asked.readers["predict"]() == asked.known["predict"]
    for edited in (
        {"classes": message["classes"][::-1]},
        {"families": []},
        {"temperature": message["temperature"] * 2},
    ):
        files.write_json(asked.card, sealed(message) | edited)
        with pytest.raises(checkpoint.CheckpointError, match=r"model.json: card_sha256 is not what was written"):
            checkpoint.load(asked.folder)
    tensors.write_bytes(written)
    asked.card.write_text(asked.text, encoding="utf-8")


def test_commands_report_a_refused_card_in_one_sentence(asked, study, capsys, tmp_path):
    edited = {**asked.told, "classes": asked.told["classes"][::-1]}
    for text in (json.dumps(edited), json.dumps({**asked.told, "widths": GARBAGE}), "[" * 100_000):
        asked.card.write_text(text, encoding="utf-8")
        assert predict([str(asked.sound), "--model", str(asked.folder), "--out", str(tmp_path / "p.csv")]) == 2
        assert evaluate([str(asked.folder), "--on", str(study / "run"), "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2
        assert all(f"{files.to_root(asked.folder)}" in line and "model.json: " in line for line in said)
    assert not list(tmp_path.iterdir())
    asked.card.write_text(asked.text, encoding="utf-8")


def test_card_with_tensors_of_another_model_is_refused(asked, study, tmp_path):
    """Of the same shape: even with both digests put right in the card, the tensors know their own."""
    [other] = [n for n in ("gated-seed0", "svm_rbf-seed0") if not asked.folder.name.endswith(n)]
    folder = shutil.copytree(study / "run/checkpoints" / other, tmp_path / "m")
    message = asked.told | {"tensors_sha256": files.digest_file(folder / "model.safetensors")}
    from mer.training.checkpoints.binding import sealed

    files.write_json(folder / "model.json", sealed({k: v for k, v in message.items() if k != "card_sha256"}))
    with pytest.raises(checkpoint.CheckpointError, match=r"model.json: .* is not what was written with the tensors"):
        checkpoint.load(folder)
