"""The studies of the paper and of its fork have the values of the original configurations."""

import pytest

from mer import files, params

SCHEDULE = {"schedule": "plateau"}  # ReduceLROnPlateau(mode max, factor 0.5, patience 2) of the validation UAR
SIMPLE = {
    "batch_size": 128, "epochs": 200, "learning_rate": 1e-3, "weight_decay": 1e-4, "optimiser": "adamw",
    "balance": "class_weights", "clip_norm": 1.0, "patience": 8, "dropout": 0.0, "hidden": 128, "gate": "softmax",
    "label_smoothing": 0.0, "modality_dropout": 0.0, "averaging": "none", "corpus_exponent": 1.0, "corpus_weights": {},
    **SCHEDULE,
}  # fmt: skip
"""configs/mer_builder_at_simple.yaml of Vally16768/MER @ c83d916; GFL of src/models/architectures.py is a softmax."""
ROBUST = {
    "batch_size": 128, "epochs": 80, "learning_rate": 5e-4, "weight_decay": 1e-4, "optimiser": "adamw",
    "balance": "unsampled_class_weights", "label_smoothing": 0.1, "clip_norm": 1.0, "patience": 10,
    "corpus_exponent": 0.0, "corpus_weights": {"meld": 4.0}, "class_exponent": 1.0, "modality_dropout": 0.2,
    "averaging": "ema", "ema_decay": 0.999, "hidden": 256, "dropout": 0.0, **SCHEDULE,
}  # fmt: skip
"""configs/mer_builder_at_simple_robust_moddrop_ema.yaml; class weights are counted before sampling (train.py, 465)."""
HF = ROBUST | {
    "batch_size": 64, "epochs": 60, "learning_rate": 3e-4, "corpus_weights": {"meld": 5.0}, "modality_dropout": 0.0,
    "averaging": "none",
}  # fmt: skip
"""configs/mer_builder_at_hf.yaml."""
PAPER = {
    "batch_size": 32, "epochs": 300, "learning_rate": 1e-4, "weight_decay": 1e-2, "optimiser": "adam", "dropout": 0.1,
    "balance": "class_weights", "schedule": "constant", "patience": 21, "label_smoothing": 0.0, "modality_dropout": 0.0,
}  # fmt: skip
"""src/config.toml of SMIL-SPCRAS/MER @ 75ae4e4; it stops when more than 20 epochs are no improvement."""


@pytest.mark.parametrize(
    ("study", "expected"), [("fork_simple", SIMPLE), ("fork_robust", ROBUST), ("hf", HF), ("paper", PAPER)]
)
def test_a_recipe_has_the_values_of_the_original_configuration(study, expected):
    p = params.load(f"params/{study}.yaml")
    for name, system in p.systems.items():
        found = system.training_parameters(p.training).model_dump()
        own = {**expected, **system.training}
        assert {key: found[key] for key in own} == own, name


@pytest.mark.parametrize("study", ["fork_simple", "fork_robust", "hf"])
def test_the_forks_data_is_that_of_its_readme(study):
    p = params.load(f"params/{study}.yaml")
    assert set(p.corpora) == {"mead", "meld", "ravdess", "cremad", "esd", "emovdb", "iemocap"}
    assert p.data.audio_failure == "silence"  # --audio_failure replace_with_silence
    assert p.labels.overrides["mead"] == {"contempt": "disgust"}  # --mead_contempt map_to_disgust
    assert p.labels.overrides["emovdb"] == {"sleepiness": "neutral"}  # --emovdb_sleepy map_to_neutral
    context = (0, "none") if study == "fork_simple" else (3, "names")  # --meld_context_window 3
    assert (p.features["text"].context, p.features["text"].speakers) == context
    assert set(p.features["text"].lexical_control) == {"free", "parallel", "emotion_specific"}
    assert p.evaluation.seeds == (42,)


@pytest.mark.parametrize("study", ["fork_simple", "fork_robust", "hf"])
def test_a_revised_recipe_differs_where_its_comments_say_so(study):
    literal, revised = (params.load(f"params/{name}.yaml") for name in (study, f"{study}_revised"))
    lines = (files.ROOT / f"params/{study}_revised.yaml").read_text().splitlines()
    ours, theirs = revised.training.model_dump(), literal.training.model_dump()
    for key in ours:
        if ours[key] != theirs[key] and key not in ("corpus_weights", "ema_decay"):
            assert any(line.strip().startswith(f"{key}:") and "#" in line for line in lines), key
    assert revised.features["text"].lexical_control == ("free",)
