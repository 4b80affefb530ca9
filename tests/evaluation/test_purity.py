"""Planted contamination of LOCO: each item is refused by name before anything is trained."""

import functools
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mer import corpora, files
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as study
from mer.evaluation.purity import dependencies, encoder_registry, purity, row_access
from mer.features import Features, registry
from mer.features.network_origins import origins, to_json
from mer.params import schema
from mer.params.features import read_inputs
from mer.training import calibration, grid
from mer.training.checkpoints import binding, checkpoint, lineage
from mer.training.checkpoints.card import Provenance, validate
from mer.training.choosing import choice
from mer.training.job import Job
from mer.training.networks import losses
from mer.training.scaling import standardise
from tests.evaluation.test_protocols import corpus, manifest
from tests.evaluation.toy_data import as_before

CLASSES = ("neutral", "anger", "fear")
SPECS = {"audio": {"extractor": "mfcc", "width": 6}, "text": {"extractor": "hashing", "width": 5}}
ENCODED = {"audio": {"extractor": "encoder", "model": "12ab"}, "text": {"extractor": "encoder", "model": "34cd"}}
HARTMANN = "j-hartmann/emotion-english-distilroberta-base"
SHORT = {"epochs": 1, "hidden": 4, "batch_size": 64}


@functools.cache
def rows_of_four():
    friends = [corpus(name, "friends", 3, official=True) for name in ("meld", "emorynlp")]
    return manifest(corpus("cremad", "cremad", 6), corpus("emodb", "emodb", 6), *friends, official=["meld", "emorynlp"])


class Study:
    """MELD and EmoryNLP (one family), CREMA-D and EMO-DB; LOCO without Friends is the job at hand."""

    def __init__(self, folder):
        self.folder = folder
        self.usable = rows_of_four().copy()
        generator, rows = np.random.default_rng(0), len(self.usable)
        arrays = {"audio": generator.normal(size=(rows, 6)), "text": generator.normal(size=(rows, 5))}
        arrays = {m: a.astype(np.float32) for m, a in arrays.items()}
        present = {m: np.ones(rows, bool) for m in arrays}
        self.task = study.build_task(self.usable, Features(arrays, present, {"text": "tfidf"}), CLASSES)

    def params(self, systems=("logistic",), *, features=None, training=None, strict=False, **sections):
        kinds = {name: {"model": name, "inputs": ["audio", "text"]} for name in systems}
        return schema.Params.model_validate({
            "name": "t", "corpora": ["cremad", "emodb", "meld", "emorynlp"], "features": features or {},
            "systems": kinds, "training": {**SHORT, **(training or {})}, "evaluation": {"strict": strict, "seeds": [0]},
            **sections,
        })  # fmt: skip

    def jobs(self, p):
        cells = protocols.plan(self.usable, ("loco",), list(p.corpora))
        jobs, _ = study.plan_jobs(cells, p.systems, p.training, p.evaluation.seeds, self.task)
        return [job for job in jobs if job.cell.held_out == "friends"]

    def train(self, p, jobs=None, specs=SPECS):
        """What notebook 04 does."""
        jobs = self.jobs(p) if jobs is None else jobs
        purity.check(jobs, self.usable, dependencies.lineage_items(p, specs), strict=p.evaluation.strict)
        row_access.check_row_access(self.task, jobs)
        return grid.run_jobs(self.task, jobs, grid.Engine(), self.folder / "trainings")

    def stopped(self, p, jobs=None, specs=SPECS):
        """The message, where nothing was trained."""
        with pytest.raises(purity.ContaminationError) as error:
            self.train(p, jobs, specs)
        assert not (self.folder / "trainings").exists()
        return str(error.value)

    def saved(self, name, corpus_names, start_from=None, encoders_=(), parts=None):
        """A checkpoint that was trained on some corpora, all of their rows or some parts, and its folder."""
        p = self.params(("gated",), training={"start_from": start_from} if start_from else None)
        chosen = self.usable["corpus"].isin(corpus_names)
        rows = np.flatnonzero(chosen & self.usable["split"].isin(parts) if parts else chosen)
        training, system = p.systems["gated"].training_parameters(p.training), p.systems["gated"]
        job = Job("gated", None, system, training, 0, rows[::2], rows[1::2], rows[:0])
        record = checkpoint.StudyRecord(SPECS, CLASSES, self.usable, encoders_)
        fitted = grid.fit_job(self.task, job, "cpu")
        card = checkpoint.card(job, self.task, record)
        card = card.model_copy(update={"name": name, "training": training, "temperature": fitted.temperature})
        exposure = lineage.job_exposure(job, self.usable)
        checkpoint.write(self.folder / name, checkpoint.tensors_of(fitted), card, exposure)
        return str(self.folder / name)

    def edit(self, place, **changes):
        """A card that somebody touched; None takes a line out."""
        path = self.folder / place / "model.json"
        card = {**json.loads(path.read_text()), **changes}
        files.write_json(path, {name: value for name, value in card.items() if value is not None})


@pytest.fixture
def planted(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Study(tmp_path)
    torch.set_num_threads(before)


def numbers(planted, name):
    return np.flatnonzero(planted.usable["corpus"] == name)


def test_study_without_contamination_is_trained(planted):
    p = planted.params(("logistic", "gated"), strict=True)
    assert len(planted.train(p)) == 2


# --- rows


@pytest.mark.parametrize(("role", "output"), [("train", "trained on"), ("validation", "selected with")])
@pytest.mark.parametrize("name", ["meld", "emorynlp"])
def test_row_of_the_held_out_family_is_refused(planted, role, output, name):
    p = planted.params()
    [job] = planted.jobs(p)
    job = replace(job, **{role: np.append(getattr(job, role), numbers(planted, name)[:1])})
    assert planted.stopped(p, [job]) == f"LOCO without friends: {name} would be {output}"


def test_recording_of_the_family_under_another_name_is_refused(planted):
    p = planted.params()
    [job] = planted.jobs(p)
    planted.usable.loc[job.train[0], "audio_sha256"] = planted.usable.loc[job.test[0], "audio_sha256"]
    assert "1 of its recordings are in cremad too, for example cremad/" in planted.stopped(p, [job])


# --- checkpoints


def test_checkpoint_trained_on_the_family_is_refused(planted):
    place = planted.saved("first", ["cremad", "emorynlp"])
    output = planted.stopped(planted.params(("gated", "logistic"), training={"start_from": place}))
    assert output == (
        f"LOCO without friends: training.start_from {place} was trained on emorynlp (its model.json); start from "
        "another checkpoint, or leave emorynlp, meld out of `corpora`"
    )


def test_checkpoint_whose_ancestor_was_trained_on_the_family_is_refused(planted):
    place = planted.saved("second", ["cremad"], start_from=planted.saved("first", ["meld"]))
    output = planted.stopped(planted.params(("gated",), training={"start_from": place}))
    assert "its ancestor first (tensors " in output
    assert ") was trained on meld (its model.json)" in output
    assert "\n" not in output


def test_ancestor_with_features_trained_on_the_family_is_refused(planted):
    inputs = read_inputs({"text": {"extractor": "encoder", "model": HARTMANN}})
    first = planted.saved("first", ["cremad"], encoders_=to_json(origins(inputs, schema.Transcripts(), ENCODED)))
    place = planted.saved("second", ["cremad"], start_from=first)
    output = planted.stopped(planted.params(("gated",), training={"start_from": place}))
    assert (
        f"its ancestor first (tensors {files.digest_file(planted.folder / 'first/model.safetensors')[:12]}): " in output
    )
    assert f"features.text.model {HARTMANN} was trained on meld (its model card, commit ab82646)" in output


@pytest.mark.parametrize("place", ["second", "first"])
def test_families_removed_from_a_card_are_detected(planted, place):
    planted.saved("first", ["meld"])
    planted.edit("first", families=["cremad"], corpora=["cremad"], training_rows={})  # now it looks like one of CREMA-D
    begun = planted.saved("second", ["cremad"], start_from=str(planted.folder / "first"))
    p = {"training": {"start_from": begun if place == "second" else str(planted.folder / "first")}}
    for strict in (True, False):
        output = planted.stopped(planted.params(("gated",), **p, strict=strict))
        assert (
            "was trained on 36 of its 72 recordings, by the digests" in output
        )  # by digests that no edit of names reaches
    output = planted.stopped(planted.params(("gated",), **p, strict=True))
    assert "model.json or its tensors were edited" in output
    items = dependencies.lineage_items(planted.params(("gated",), **p), SPECS)
    assert dependencies.UNKNOWN in {item.status for item in items}  # and never passes as clean


def test_missing_lineage_is_unknown(planted):
    place = planted.saved("first", ["cremad"])
    planted.edit("first", families=None, training_rows=None, card_sha256=None)
    output = planted.stopped(planted.params(("gated",), training={"start_from": place}, strict=True))
    assert "its model.json does not list all of its training data" in output
    assert len(planted.train(planted.params(("gated",), training={"start_from": place}))) == 1  # reported, not refused


def test_corpora_of_an_altered_card_still_count(planted):
    place = planted.saved("first", ["meld"])
    planted.edit("first", families=[], corpora=[])  # its parts are still told
    assert "was trained on meld" in planted.stopped(planted.params(("gated",), training={"start_from": place}))


def test_one_message_lists_all_corpora_of_an_item(planted):
    place = planted.saved("first", ["cremad", "meld"])
    p = planted.params(("gated",), training={"start_from": place})
    cells = protocols.plan(planted.usable, ("loco",), list(p.corpora))
    jobs, _ = study.plan_jobs(cells, p.systems, p.training, (0, 1), planted.task)
    output = planted.stopped(p, jobs)
    assert output.startswith(
        f"LOCO without cremad, friends: training.start_from {place} was trained on cremad, meld (its"
    )
    assert output.endswith("or leave cremad, emorynlp, meld out of `corpora`")
    assert "\n" not in output


def test_tensors_of_another_model_under_a_card_are_detected(planted):
    first, second = planted.saved("first", ["cremad"]), planted.folder / "second"
    planted.saved("second", ["meld"])
    (planted.folder / "first/model.safetensors").write_bytes((second / "model.safetensors").read_bytes())
    output = planted.stopped(planted.params(("gated",), training={"start_from": first}, strict=True))
    assert "its model.json or its tensors were edited" in output


# --- features


def test_encoder_trained_on_the_family_by_the_registry_is_refused(planted):
    p = planted.params(features={"text": {"extractor": "encoder", "model": HARTMANN}})
    assert planted.stopped(p, specs={**SPECS, "text": ENCODED["text"]}) == (
        f"LOCO without friends: features.text.model {HARTMANN} was trained on meld (its model card, commit "
        "ab82646); use another encoder, or leave emorynlp, meld out of `corpora`"
    )


def test_name_of_a_folder_proves_contamination_and_not_purity(planted):
    folder = planted.folder / "copy"
    p = planted.params(features={"text": {"extractor": "encoder", "model": str(folder)}}, strict=True)
    specs = {**SPECS, "text": ENCODED["text"]}
    files.write_json(folder / "config.json", {"_name_or_path": HARTMANN})
    assert f"features.text.model {folder} was trained on meld" in planted.stopped(p, specs=specs)
    files.write_json(folder / "config.json", {"_name_or_path": "roberta-base"})
    assert "a folder that calls itself roberta-base; declare its training data" in planted.stopped(p, specs=specs)


def test_weights_of_unknown_origin_are_unknown(planted):
    encoder = {"extractor": "encoder", "model": "bert-base-uncased", "weights": "text.pth"}
    specs = {**SPECS, "text": ENCODED["text"]}
    output = planted.stopped(planted.params(features={"text": encoder}, strict=True), specs=specs)
    assert output == (
        "LOCO: the training data of features.text.weights text.pth is unknown (a file that calls itself text; "
        "declare its training data in features.text.trained_on); use another encoder, or set evaluation.strict "
        "to false, which reports it next to the scores"
    )
    declared = planted.params(features={"text": encoder | {"trained_on": ["meld"]}})
    assert "text.pth was trained on meld (features.text.trained_on)" in planted.stopped(declared, specs=specs)
    declared = planted.params(features={"text": encoder | {"trained_on": ["cremad"]}}, strict=True)
    assert len(planted.train(declared, specs=specs)) == 1
    shown = purity.table(planted.jobs(declared), planted.usable, dependencies.lineage_items(declared, specs))
    assert ("cremad", "declared") in set(zip(shown["trained on"], shown["status"], strict=True))


def test_declaration_does_not_override_the_registry(planted):
    p = planted.params(features={"text": {"extractor": "encoder", "model": HARTMANN, "trained_on": []}})
    assert "was trained on meld" in planted.stopped(p, specs={**SPECS, "text": ENCODED["text"]})


def test_incomplete_entry_proves_contamination_and_not_purity(planted):
    begun = {"audio": {"extractor": "encoder", "model": "12ab"}, "text": SPECS["text"]}
    german = {"extractor": "encoder", "model": "padmalcom/wav2vec2-large-emotion-detection-german"}  # and what else?
    p = planted.params(features={"audio": german}, strict=True)
    cells = protocols.plan(planted.usable, ("loco",), list(p.corpora))
    jobs, _ = study.plan_jobs(cells, p.systems, p.training, (0,), planted.task)
    items = dependencies.lineage_items(p, begun)
    with pytest.raises(
        purity.ContaminationError, match=r"LOCO without emodb: features.audio.model .* was trained on emodb"
    ):
        purity.check(jobs, planted.usable, items, strict=False)
    with pytest.raises(
        purity.ContaminationError, match=r"the training data of features.audio.model .* is unknown \(its model"
    ):
        purity.check(planted.jobs(p), planted.usable, items, strict=True)
    declared = planted.params(features={"audio": german | {"trained_on": []}}, strict=True)
    purity.check(planted.jobs(declared), planted.usable, dependencies.lineage_items(declared, begun), strict=True)


def test_misspelt_corpus_in_trained_on_is_refused(planted):
    p = planted.params(features={"audio": {"extractor": "encoder", "model": "a/b", "trained_on": ["MELD"]}})
    with pytest.raises(ValueError, match=r"features.audio.trained_on: 'MELD' is no corpus .* did you mean meld\?"):
        planted.train(p)


def test_fitted_extractor_is_contaminated_by_its_corpora(planted):
    specs = {**SPECS, "text": {"extractor": "components", "fitted_on": ["cremad", "meld"]}}
    assert planted.stopped(planted.params(), specs=specs) == (
        "LOCO without friends: features of text: extractor components was fitted on meld (the specification of their "
        "store); use an extractor that is not fitted, or leave emorynlp, meld out of `corpora`"
    )


def test_extractor_of_unknown_training_data_is_unknown(planted):
    specs = {**SPECS, "audio": {"extractor": "encoder", "model": "12ab"}}  # and no parameter names an encoder
    assert "the training data of features of audio: extractor encoder is unknown" in planted.stopped(
        planted.params(strict=True), specs=specs
    )


# --- statistics


def everywhere(monkeypatch, module, name, place):
    """Make a function look at all rows of the task instead of those it was given."""
    real = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given, **more: real(*place(*given), **more))


def test_standardiser_fitted_on_other_rows_is_detected(planted, monkeypatch):
    everywhere(monkeypatch, standardise, "fit", lambda f, rows, m: (f, np.arange(len(f.present["audio"])), m))
    assert planted.stopped(planted.params()) == (
        "LOCO without friends: logistic's means and scales of audio were fitted on rows outside its training and "
        "validation rows, on some of emorynlp, meld"
    )


def test_temperature_fitted_on_test_rows_is_detected(planted, monkeypatch):
    def leaky(task, job, own):
        rows = np.resize(job.test, len(own.logits))
        return calibration.temperature(own.logits, task.labels[rows], task.corpora[rows], multi_label=False)

    monkeypatch.setattr(choice, "left_out_temperature", leaky)
    assert "logistic's probabilities (temperature) were fitted on rows outside" in planted.stopped(planted.params())


def test_class_shares_of_test_rows_are_detected(planted, monkeypatch):
    balance, fit, seen = losses.balance, grid.fit_job, {}

    def leaky(shares, way):
        return balance((shares + np.bincount(seen["labels"], minlength=3) / len(seen["labels"])) / 2, way)

    def watched(task, job, *rest):
        seen["labels"] = task.labels[job.test]
        return fit(task, job, *rest)

    monkeypatch.setattr(grid, "fit_job", watched)
    monkeypatch.setattr(losses, "balance", leaky)
    assert "gated's weights (or class shares behind them) were fitted on rows outside" in planted.stopped(
        planted.params(("gated",))
    )


@pytest.mark.parametrize("model", ["gated", "attention", "logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"])
def test_models_depend_on_training_and_validation_rows_only(planted, model):
    p = planted.params((model,), training={"targets": "hard"})
    assert row_access.check_row_access(planted.task, planted.jobs(p)) == {model: "friends"}


# --- what is shown, and where it comes from


def test_table_lists_every_item(planted):
    p = planted.params(features={"audio": {"extractor": "encoder", "model": "openai/whisper-tiny"}})
    shown = purity.table(
        planted.jobs(p), planted.usable, dependencies.lineage_items(p, {**SPECS, "audio": ENCODED["audio"]})
    )
    assert shown["item"].str.contains("training rows").any()
    assert shown.set_index("item").loc["features.audio.model openai/whisper-tiny", "status"] == "unknown"
    assert shown.set_index("item").loc["features of text: extractor hashing", "status"] == "untrained"


def test_registry_names_existing_corpora():
    for entry in encoder_registry.registry():
        assert not set(entry.corpora or ()) - set(corpora.CORPORA), entry.names
        assert len(set(entry.corpora or ())) == len(entry.corpora or ()), entry.names
        assert entry.source


def test_no_registry_name_is_hidden_by_an_earlier_entry():
    for entry in encoder_registry.registry():
        for name in entry.names:
            assert encoder_registry.by_name(name.replace("?", "y")) is entry, name


def test_entries_with_training_data_have_a_source():
    addresses = [address for entry in encoder_registry.registry() for address in entry.address]
    assert all(re.fullmatch(r"https://[^\s/]+\.[^\s/]+/\S+", address) for address in addresses)
    assert all(entry.address for entry in encoder_registry.registry() if entry.corpora is not None)
    unsure = [entry for entry in encoder_registry.registry() if entry.corpora is None or entry.incomplete]
    assert all(entry.other_data for entry in unsure)  # says why, to people


@pytest.mark.parametrize("gathered", ["YouTube", "pages of the web", "not listed", "do not name", "does not name"])
def test_encoders_trained_on_the_source_of_a_corpus_are_incomplete(gathered):
    named = [entry for entry in encoder_registry.registry() if gathered in entry.other_data]
    assert named
    assert all(entry.corpora is None or entry.incomplete or "before any corpus" in entry.other_data for entry in named)


@pytest.mark.parametrize("entry", [e for e in encoder_registry.registry() if e.corpora == ()], ids=lambda e: e.names[0])
def test_encoders_without_corpora_derive_from_none_with_corpora(entry):
    begun = re.findall(r"initialised from ([^;,]+)", entry.other_data)
    mother = {"vit-base-patch16-224-in21k": "google/vit-base-patch16-224-in21k"}
    assert all(encoder_registry.by_name(mother.get(name, name)).corpora == () for name in begun)


def test_emotion2vec_plus_has_the_corpora_of_its_ancestors():
    names = ("base", "plus_seed", "plus_large")
    base, seed, large = (set(encoder_registry.by_name(f"emotion2vec/emotion2vec_{name}").corpora) for name in names)
    assert base <= seed <= large


@pytest.mark.parametrize(
    ("name", "saw"),
    [
        ("facebook/wav2vec2-base", ()),
        ("superb/hubert-large-superb-er", ("iemocap",)),
        ("emotion2vec/emotion2vec_base", ("iemocap", "mead", "meld", "mosei")),
        ("michellejieli/emotion_text_classifier", ("emorynlp", "meld")),
        ("Tron21/roberta-base", ("iemocap", "meld")),
        ("FER_dinamic_LSTM_IEMOCAP", ("cremad", "ravdess", "savee")),
        ("enet_b0_8_best_afew", ("afew",)),
        ("ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition", ("ravdess",)),
        ("DunnBC22/wav2vec2-base-Speech_Emotion_Recognition", None),
        ("openai/whisper-large-v3", None),
        ("microsoft/wavlm-large", None),
        ("xlm-roberta-base", None),
    ],
)
def test_training_data_of_public_encoders(name, saw):
    assert encoder_registry.by_name(name).corpora == saw


def test_fine_tuned_copy_is_not_its_original():
    for name in ("somebody/wav2vec2-base", "facebook/wav2vec2-base-finetuned", "roberta-base-emotion",
                 "google-bert/bert-base-multilingual-cased"):  # fmt: skip
        assert encoder_registry.by_name(name) is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "a", "corpora": []}, "entry 1: expected address, corpora, name, other_data, source"),
        ({"extra": 1}, "entry 1: expected"),
        ({"address": []}, "`corpora` of a has no `address`; give one, or make `corpora` null"),
        ({"incomplete": True}, "`incomplete` is true only if `corpora` lists some"),
        ({"incomplete": "yes", "corpora": ["meld"]}, "`incomplete` is true"),
        ({"sha256": ["0676BA61"]}, "at least 8 digits"),
    ],
)
def test_invalid_registry_is_refused(tmp_path, row, message):
    rest = {"name": "a", "corpora": [], "other_data": "", "source": "b", "address": "https://c.org/d"}
    whole = {} if "name" in row else rest
    files.write_text(tmp_path / "x.yaml", yaml.safe_dump([whole | row]))
    with pytest.raises(ValueError, match=message):
        encoder_registry.registry(tmp_path / "x.yaml")


def test_hand_crafted_extractor_is_untrained_in_its_own_modality_only():
    networks = {"encoder", "resnet50", "emo_affectnet"}
    for modality in ("audio", "text", "video"):
        extractors = registry.names(modality)
        for name in (*extractors, "mine", None, ["mfcc"]):
            [item] = dependencies.of_features(modality, {"extractor": name}, [], corpora.CORPORA)
            made = name in extractors and name not in networks
            assert item.status == (dependencies.UNTRAINED if made else dependencies.UNKNOWN), (modality, name)
    assert (
        dependencies.of_features("audio", {"extractor": "hog"}, [], corpora.CORPORA)[0].status == dependencies.UNKNOWN
    )


ODD = st.none() | st.integers() | st.sampled_from(["text", "file", "hub"]) | st.lists(st.text())


@given(st.fixed_dictionaries(dict.fromkeys(["modality", "parameter", "name", "place"], ODD),
                             optional=dict.fromkeys(["sha256", "hint", "trained_on", "other"], ODD)))  # fmt: skip
def test_invalid_encoders_of_a_card_are_ignored(output):
    card = Provenance(features={"text": {"extractor": "encoder"}}, encoders=[output])
    assert dependencies._of_model(card, "x", lineage.MISSING, corpora.CORPORA)[0].status == dependencies.UNKNOWN


def test_seal_of_a_card_without_a_valid_number_does_not_hold():
    card = dict.fromkeys(lineage.REQUIRED_FIELDS, float("nan"))
    assert not any(map(binding.seal_holds, (card, card | {"card_sha256": None}, card | {"card_sha256": "not JSON"})))


def test_corpora_of_the_family_outside_the_study_are_named():
    item = dependencies._item("x", ("meld",), corpora.CORPORA, dependencies.DOCUMENTED, "y")
    output = purity._contamination_line(
        "LOCO without", item, {"friends"}, pd.DataFrame({"corpus": ["emorynlp"], "family": ["friends"]})
    )
    assert (
        output
        == "LOCO without friends: x was trained on meld (y); use another encoder, or leave emorynlp out of `corpora`"
    )


def test_hand_crafted_features_need_no_declaration():
    with pytest.raises(ValueError, match="`trained_on` is for extractor `encoder`: `mfcc` was trained on nothing"):
        schema.AudioFeatures(trained_on=["meld"])


JSON = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)
                    | st.dictionaries(st.text(max_size=5), x, max_size=3), max_leaves=6)  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(lineage.REQUIRED_FIELDS | {"git"}), JSON)))
def test_any_card_is_refused_or_has_a_status(fields):
    card = {"format": 5, "model": "ridge", "inputs": ["a"], "widths": {"a": 1}, "layers": {}, "classes": ["b"],
            "training": {}, "tensors_sha256": "0" * 64, **fields}  # fmt: skip
    try:
        card = validate(card, "m")
    except checkpoint.CheckpointError:
        return
    items = dependencies._of_model(card, "x", lineage.COMPLETE, corpora.CORPORA)
    assert items[0].families >= set(card.families)
    assert isinstance(pd.DataFrame([vars(item) for item in items]), pd.DataFrame)


def test_cross_corpus_models_are_checked_for_their_test_corpora(planted):
    place = planted.saved("begun", ["meld"], parts=("train", "validation"))
    p = planted.params(("gated",), training={"start_from": place})
    cells = protocols.plan(planted.usable, ("cross_corpus", "in_corpus"), list(p.corpora))
    jobs, _ = study.plan_jobs(cells, p.systems, p.training, p.evaluation.seeds, planted.task)
    output = planted.stopped(p, jobs)
    assert output.startswith(
        f"models of other corpora, tested on friends: training.start_from {place} was trained on meld"
    )
    assert len(output.splitlines()) == 1
    within = [job for job in jobs if job.cell.protocol == "in_corpus"]
    purity.check(
        within, planted.usable, dependencies.lineage_items(p, SPECS), strict=False
    )  # who is at home is no stranger


def test_initial_checkpoint_trained_on_test_rows_within_a_corpus_is_refused(planted):
    place = planted.saved("begun", ["meld", "emodb"], parts=("train", "validation"))
    p = planted.params(("gated",), training={"start_from": place})
    cells = protocols.plan(planted.usable, ("in_corpus",), list(p.corpora))
    jobs, _ = study.plan_jobs(cells, p.systems, p.training, p.evaluation.seeds, planted.task)
    with pytest.raises(
        purity.ContaminationError,
        match=r"in_corpus: .*begun, or a checkpoint that it derives from, was trained on 60 of 144 test",
    ):
        purity.check(
            jobs, planted.usable, dependencies.lineage_items(p, SPECS), strict=False
        )  # every speaker of EMO-DB is tested once
    [cell] = protocols.plan(planted.usable, ("multi_corpus",), list(p.corpora))
    jobs, _ = study.plan_jobs([cell], p.systems, p.training, p.evaluation.seeds, planted.task)
    purity.check(jobs, planted.usable, dependencies.lineage_items(p, SPECS), strict=True)  # the same split
    other = planted.usable.assign(split=planted.usable["split"].replace({"train": "test", "test": "train"}))
    [cell] = protocols.plan(other, ("multi_corpus",), list(p.corpora))
    jobs, _ = study.plan_jobs([cell], p.systems, p.training, p.evaluation.seeds, planted.task)
    with pytest.raises(
        purity.ContaminationError,
        match=r"multi_corpus: .* was trained on .* test utterances or on their speakers, of emodb, meld",
    ):
        purity.check(jobs, other, dependencies.lineage_items(p, SPECS), strict=False)


@pytest.mark.parametrize("protocol", ["in_corpus", "multi_corpus"])
def test_initial_checkpoint_trained_on_other_recordings_of_test_speakers_is_refused(planted, protocol):
    place = planted.saved("begun", ["emodb"])
    other = planted.usable.assign(audio_sha256=[f"other {name}" for name in planted.usable["audio_sha256"]])
    p = planted.params(("gated",), training={"start_from": place})
    cells = [cell for cell in protocols.plan(other, (protocol,), list(p.corpora)) if "emodb" in cell.train_corpora]
    jobs, _ = study.plan_jobs(cells, p.systems, p.training, p.evaluation.seeds, planted.task)
    tested = np.unique(np.concatenate([job.test for job in jobs]))
    own = (other["corpus"].iloc[tested] == "emodb").sum()
    with pytest.raises(
        purity.ContaminationError,
        match=f"{protocol}: .* trained on {own} of {len(tested)} test utterances or on their speakers, of emodb;",
    ):
        purity.check(jobs, other, dependencies.lineage_items(p, SPECS), strict=False)


# --- the same recordings under another name


def renamed(rows, **families):
    """The same recordings as corpora and families of other names, in other files, by people whom others name."""
    other = rows.assign(family=rows["family"].replace(families), corpus=rows["corpus"].replace(families))
    ids = [name.replace("/", "/copy-") for name in rows["utterance_id"]]
    people = [f"{c}_somebody {s}" for c, s in zip(other["corpus"], rows["speaker_id"], strict=True)]
    sound = [f"sound {n}" for n in rows["audio_sha256"]]
    return (frame.assign(samples_sha256=sound) for frame in (rows, other.assign(utterance_id=ids, speaker_id=people,
            audio_sha256=[f"flac {n}" for n in rows["audio_sha256"]])))  # fmt: skip


def test_checkpoint_trained_on_the_recordings_under_another_name_is_refused(planted):
    known, other = renamed(planted.usable, meld="mine", emorynlp="ours", friends="mine")
    planted.usable = other
    place = planted.saved("first", ["mine"])
    planted.usable = known
    p = planted.params(("gated",), training={"start_from": place})
    assert planted.stopped(p) == (
        f"LOCO without friends: training.start_from {place}, or a checkpoint that it derives from, was trained on "
        "36 of its 72 recordings, by the digests of its training data (its model.json); start from another "
        "checkpoint, or leave emorynlp, meld out of `corpora`"
    )
    cells = protocols.plan(planted.usable, ("cross_corpus",), list(p.corpora))
    jobs, _ = study.plan_jobs(cells, p.systems, p.training, p.evaluation.seeds, planted.task)
    assert planted.stopped(p, jobs).startswith("models of other corpora, tested on friends: training.start_from")
    planted.usable = other
    second = planted.saved("second", ["cremad"], start_from=place)
    planted.usable = known
    p = planted.params(("gated",), training={"start_from": second})
    assert "second, or a checkpoint that it derives from, was trained on 36 of its 72 recordings" in planted.stopped(
        p
    )  # an ancestor did


def test_checkpoint_trained_on_the_sentences_under_another_name_is_refused(planted):
    rows = planted.usable
    friends = rows["family"] == "friends"
    lines = [f"what was said by number {n} is this" for n in range(len(rows))]
    known = rows.assign(samples_sha256=None, audio_sha256=None, transcription=pd.Series(lines).where(friends))
    renames = {"meld": "mine", "friends": "mine"}
    planted.usable = known.assign(family=known["family"].replace(renames), corpus=known["corpus"].replace(renames))
    place = planted.saved("first", ["mine"])
    planted.usable = known
    output = planted.stopped(planted.params(("gated",), training={"start_from": place}))
    assert "was trained on 36 of its 72 longer sentences" in output
    some = known["transcription"].where(known.index % 50 == 0)
    planted.usable = known.assign(transcription=some)  # a line or two in common is chance
    assert len(planted.train(planted.params(("gated",), training={"start_from": place}, strict=True))) == 1


def test_checkpoint_of_an_earlier_version_has_unknown_exposure(planted):
    place = planted.saved("first", ["cremad"])
    as_before(planted.folder / "first")
    output = planted.stopped(planted.params(("gated",), training={"start_from": place}, strict=True))
    assert "its model.json does not list all of its training data" in output
    second = planted.saved("second", ["cremad"], start_from=place)
    for name in ("first", "second"):  # so that nothing can be called a test of them
        folder = planted.folder / name
        assert lineage.full_exposure(checkpoint.open_checkpoint(folder)) is None
    assert "does not list all" in planted.stopped(
        planted.params(("gated",), training={"start_from": second}, strict=True)
    )
    assert len(planted.train(planted.params(("gated",), training={"start_from": place}))) == 1  # reported, not refused


@pytest.mark.parametrize("change", [{"classes": ["fear", "anger", "neutral"]}, {"widths": {"audio": 6, "text": 6}},
                                    {"training": {"hidden": 4}}])  # fmt: skip
def test_training_refuses_an_initial_checkpoint_with_an_edited_card(planted, change):
    place = planted.saved("first", ["cremad"])
    planted.edit("first", **change)
    with pytest.raises(checkpoint.CheckpointError, match=f"model.json: {next(iter(change))} is not what was written"):
        planted.train(planted.params(("gated",), training={"start_from": place}))


def test_other_revision_is_unknown_but_keeps_the_corpora_of_its_name(planted):
    specs = {"audio": {"extractor": "encoder", "model": "12ab"}, "text": ENCODED["text"]}

    def stopped(section, **encoder):
        p = planted.params(features={section: {"extractor": "encoder", **encoder}}, strict=True)
        return planted.stopped(
            p, specs={**SPECS, **({"audio": specs["audio"]} if section == "audio" else {"text": specs["text"]})}
        )

    output = stopped("audio", model="facebook/wav2vec2-base", revision="my-finetuned-branch")
    assert (
        "the registry lists revision main, not my-finetuned-branch; declare its training data in features.audio"
        in output
    )
    assert "was trained on meld" in stopped("text", model=HARTMANN, revision="my-finetuned-branch")
    main = {"extractor": "encoder", "model": "Facebook/wav2vec2-base", "revision": "main"}
    p = planted.params(features={"audio": main}, strict=True)
    assert len(planted.train(p, specs={**SPECS, "audio": specs["audio"]})) == 1


def test_recogniser_does_not_document_the_extractor(planted):
    output = {"recogniser": "whisper", "model": "openai/whisper-tiny", "trained_on": []}
    p = planted.params(transcripts=output, strict=True)
    specs = {**SPECS, "text": {"extractor": "components", "width": 5}}
    assert "the training data of features of text: extractor components is unknown" in planted.stopped(p, specs=specs)
