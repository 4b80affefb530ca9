"""The systems of studies that name none: on speech, or on words if no corpus on disk has recordings."""

import pytest

from mer import params as load_params
from mer.dataset.manifest.default_systems import completed
from mer.params import ParamsError, open_run
from mer.params.schema import Params
from tests.corpora.trees import put

TEXT_ONLY = ("emorynlp/emorynlp_train_final.csv", "MELD.Raw/train_sent_emo.csv")


def study(raw, *corpora, **sections):
    return Params(name="x", data={"raw": str(raw)}, corpora=list(corpora), **sections)


def with_files(raw, *paths):
    for path in paths:
        put(raw, path, "Utterance\n")
    return raw


def test_corpora_with_recordings_run_the_systems_of_voice(tmp_path):
    before = study(with_files(tmp_path, "emodb/wav/03a01Fa.wav"), "emodb")
    after, [sentence] = completed(before)
    assert after == before
    assert sentence.startswith("no systems are named, so that the study runs voice, adapted, ridge,")
    assert "on audio (functionals): of those tried without a download, they did best" in sentence


def test_corpora_with_text_only_run_systems_of_words_and_say_why(tmp_path):
    after, [sentence] = completed(study(with_files(tmp_path, *TEXT_ONLY), "emorynlp", "meld"))
    published = load_params.load("params/text.yaml")
    assert after.systems == {name: published.systems[name] for name in ("words", "words_context")}
    assert after.features == {name: published.features[name] for name in ("words", "words_context")}
    assert sentence.startswith("no systems are named, so that the study runs words, words_context on words (tfidf), ")
    assert "emorynlp, meld have no recordings here" in sentence


def test_recordings_of_meld_are_found_in_any_subfolder(tmp_path):
    with_files(tmp_path, *TEXT_ONLY, "MELD.Raw/train/train_splits/dia0_utt0.MP4")
    after, sentences = completed(study(tmp_path, "emorynlp", "meld"))
    assert next(iter(after.systems)) == "voice"
    assert sentences[1].startswith("emorynlp has no recordings here, so that these systems read nothing of it")


def test_absent_and_synthetic_corpora_and_own_tables_count_as_speech(tmp_path):
    absent = study(tmp_path / "nothing", "meld")
    synthetic = study(with_files(tmp_path, *TEXT_ONLY), "meld").model_dump()
    synthetic["data"]["synthetic"] = {"seed": 0, "speakers": 6, "clips": 5, "shift": 1.0}
    del synthetic["systems"], synthetic["features"]
    own = Params(name="x", data={"raw": str(tmp_path)}, corpora={"meld": {}, "mine": {"table": "mine/my.csv"}})
    for params in (absent, Params(**synthetic), own):
        assert next(iter(completed(params)[0].systems)) == "voice"


def test_what_a_study_names_stays_as_it_is(tmp_path):
    with_files(tmp_path, *TEXT_ONLY)
    systems = study(tmp_path, "meld", systems={"a": {"model": "ridge", "inputs": ["audio"]}})
    assert completed(systems) == (systems, [])
    inputs = study(tmp_path, "meld", features={"text": {}})
    after, [sentence] = completed(inputs)
    assert after == inputs
    assert sentence.endswith("on text (hashing)")


def test_other_sections_that_do_not_fit_words_are_refused(tmp_path):
    noisy = {"variants": 1, "noise": {"snr": [5, 20]}, "inputs": ["audio"]}
    with pytest.raises(ParamsError, match=r"augmentation\.inputs: 'audio' is no input of modality audio"):
        completed(study(with_files(tmp_path, *TEXT_ONLY), "meld", augmentation=noisy))


def test_notebook_of_a_study_of_words_reads_the_systems_of_its_run(tmp_path, monkeypatch):
    text = f"corpora: [meld]\ndata: {{raw: {with_files(tmp_path / 'raw', *TEXT_ONLY)}}}\n"
    put(tmp_path, "mine.yaml", text)
    monkeypatch.setattr("mer.files.ROOT", tmp_path)
    monkeypatch.delenv("MER_RUN_FOLDER", raising=False)
    file = str(tmp_path / "mine.yaml")
    assert "voice" in open_run(file, uses=("systems",)).params.systems
    run = completed(load_params.load(file))[0]
    put(tmp_path, "outputs/mine/params.yaml", load_params.dump(run))
    of_run = open_run(file, uses=("systems", "features")).params
    assert (of_run.systems, of_run.features) == (run.systems, run.features)
