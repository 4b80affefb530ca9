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
        result = system.training_parameters(p.training).model_dump()
        own = {**expected, **system.training}
        assert {key: result[key] for key in own} == own, name


E2E = {
    "batch_size": 32, "epochs": 20, "patience": 6, "learning_rate": 2e-4, "weight_decay": 1e-4, "optimiser": "adamw",
    "balance": "unsampled_class_weights", "label_smoothing": 0.1, "clip_norm": 1.0, "modality_dropout": 0.1,
    "corpus_exponent": 0.0, "corpus_weights": {"meld": 6.0}, "hidden": 256, "dropout": 0.0, "averaging": "none",
    **SCHEDULE,
}  # fmt: skip
"""configs/mer_builder_at_hf_e2e.yaml of Vally16768/MER @ c83d916; a step is 4 times 8 utterances."""
LATER = E2E | {"epochs": 20, "patience": 4, "learning_rate": 1e-4, "modality_dropout": 0.0}
"""What its later configurations have in common."""
ENCODERS = {"learning_rate": 2e-5, "accumulation": 4, "freeze_convolutions": True, "head_epochs": 0, "layer_decay": 1.0}
FINETUNE = {
    "finetune": (E2E, {"learning_rate": 5e-5, "freeze_convolutions": False}, (10, 256, 3)),
    "finetune_v2": (LATER | {"epochs": 30}, {}, (12, 320, 5)),
    "finetune_two_stage": (LATER, {"head_epochs": 5, "head_learning_rate": 1e-3, "head_patience": 2}, (12, 320, 5)),
    "finetune_large": (LATER | {"epochs": 15, "patience": 5, "corpus_weights": {"meld": 8.0}, "hidden": 512},
                       {"accumulation": 16, "gradient_checkpointing": True}, (12, 320, 5)),
    "finetune_meld": (LATER | {"epochs": 10, "patience": 3, "corpus_exponent": 1.0, "corpus_weights": {}},
                      {"learning_rate": 1e-5}, (12, 320, 5)),
    "finetune_iemocap": (LATER | {"epochs": 12, "corpus_exponent": 1.0, "corpus_weights": {}}, {}, (12, 256, 0)),
}  # fmt: skip
"""configs/mer_builder_at_hf_e2e*.yaml: training, training of encoders, and seconds, tokens and turns that are read."""


@pytest.mark.parametrize("study", list(FINETUNE))
def test_a_recipe_of_end_to_end_training_has_the_values_of_the_original(study):
    p, (training, encoders, (seconds, tokens, turns)) = params.load(f"params/{study}.yaml"), FINETUNE[study]
    [system] = p.systems.values()
    result = p.training.model_dump()
    assert {key: result[key] for key in training} == training
    wanted = ENCODERS | encoders
    assert {key: result["encoders"][key] for key in wanted} == wanted
    audio, text = (p.features[name] for name in ("audio", "text"))
    assert (audio.crop_seconds, audio.pooling, audio.train) == (seconds, "mean_std", "all")
    assert (text.max_tokens, text.context, text.pooling, text.train) == (tokens, turns, "cls", "all")
    assert text.speakers == ("none" if study == "finetune_iemocap" else "names")  # include_speaker_in_text
    size = "large" if study == "finetune_large" else "base"
    assert (audio.model, text.model) == (f"microsoft/wavlm-{size}", f"roberta-{size}")
    assert (system.model, result["missing"]) == ("robust_at", "zeros")
    assert all(p.features[name].is_trained for name in p.inputs_of(system))


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
