"""Named inputs: valid declarations, defaults, and refusals."""

import pytest

from mer import params
from mer.params.schema import Params


def load(tmp_path, text="", *sets):
    (tmp_path / "study.yaml").write_text(f"corpora: [emodb]\n{text}", encoding="utf-8")
    return params.load(tmp_path / "study.yaml", sets)


def problems(tmp_path, text="", *sets):
    with pytest.raises(params.ParamsError) as caught:
        load(tmp_path, text, *sets)
    return caught.value.problems


def test_systems_that_name_no_inputs_have_audio_and_text(tmp_path):
    p = load(tmp_path, "systems: {gated: {model: gated}, logistic: {model: logistic, inputs: [audio]}}")
    assert {name: one.extractor for name, one in p.features.items()} == {"audio": "mfcc", "text": "hashing"}
    assert {name: system.inputs for name, system in p.systems.items()} == {
        "gated": ("audio", "text"), "logistic": ("audio",)}  # fmt: skip


def test_inputs_of_one_modality_keep_their_order_behind_modalities(tmp_path):
    p = load(tmp_path, """
features:
  words: {modality: text, context: 3}
  whisper: {modality: audio, extractor: functionals}
systems:
  all: {model: gated}
  some: {model: concat, inputs: [words, video, audio, whisper]}
  late: {model: ensemble, members: [some, all], weights: validation}
""")  # fmt: skip
    assert list(p.features) == ["audio", "video", "words", "whisper"]
    assert p.systems["all"].inputs == ("audio", "whisper", "video", "words")
    assert p.systems["some"].inputs == ("audio", "whisper", "video", "words")
    assert p.systems["late"].inputs == ()
    assert p.inputs_of("late") == p.inputs_of(p.systems["late"]) == ("audio", "whisper", "video", "words")
    assert p.modalities("late") == ("audio", "video", "text")
    assert p.features["words"].context == 3


def test_complete_parameters_are_read_as_they_were_written(tmp_path):
    p = load(tmp_path, "features: {second: {modality: audio}, audio: }\nsystems: {a: {model: gated}, b: {model: ridge},"
                       " c: {model: ensemble, members: [a, b]}}")  # fmt: skip
    (tmp_path / "params.yaml").write_text(params.dump(p), encoding="utf-8")
    assert params.load(tmp_path / "params.yaml") == p
    assert p.features["second"] is not p.features["audio"]


def test_overrides_reach_inputs_by_name(tmp_path):
    p = load(tmp_path, "features: {small: {modality: audio, n_mfcc: 13}}", "features.small.n_mfcc=20",
             "features.large={modality: audio}", "systems.gated.model=gated")  # fmt: skip
    assert [one.n_mfcc for one in p.features.values()] == [20, 80]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("features: {adio: {n_mfcc: 3}}",
         "features.adio: say its `modality`: audio, text or video (did you mean 'audio'?)"),
        ("features: {whisper: {extractor: functionals}}", "features.whisper: say its `modality`: audio, text or video"),
        ("features: {x: {modality: sound}}", "features.x.modality: 'sound' is not one of audio, text, video"),
        ("features: {x: {modality: audi}}",
         "features.x.modality: 'audi' is not one of audio, text, video (did you mean 'audio'?)"),
        ("features: {extractor: mfcc}",
         "features.extractor: expected the parameters of an input, such as {modality: audio}, not 'mfcc'"),
        ("features: {x: {modality: audio, n_mfc: 3}}",
         "features.x.n_mfc: there is no such parameter (did you mean 'n_mfcc'?)"),
        ("features: {x: {modality: text, n_mfcc: 3}}", "features.x.n_mfcc: there is no such parameter"),
        ("features: {x: {modality: text, context: -1}}",
         "features.x.context: must be at least 0, not -1"),
        ("features: {x: {modality: audio, extractor: encoder}}",
         "features.x: extractor `encoder` needs a `model`: a folder, or a name on the Hugging Face hub"),
    ],
)  # fmt: skip
def test_impossible_input_is_refused(tmp_path, text, problem):
    assert problems(tmp_path, text) == [problem]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("features: {Whisper: {modality: audio}}", "features.Whisper: 'Whisper' cannot be the name of an input"),
        ("features: {a.b: {modality: audio}}", "digits and _, a letter first"),
        ("features: {text: {modality: audio}}", "the input `text` is named after a modality"),
        ("features: {utterance_id: {modality: audio}}", "an input cannot be called `utterance_id`"),
        ("systems: {a: {model: gated, inputs: [vidoe]}}", "systems.a.inputs: 'vidoe' is no input of this study (did"),
        ("features: {whisper: {modality: audio}}\nsystems: {a: {model: gated, inputs: [whispr]}}",
         "(did you mean 'whisper'?); its inputs are whisper. Declare it in `features`"),
        ("systems: {a: {model: gated, inputs: [audio, audio]}}", "inputs: 'audio' is named twice"),
        ("systems: {a: {model: gated, input: [audio]}}", "systems.a.input: there is no such parameter (did"),
        ("systems: {a: {model: gated, members: [b, c]}}", "`members` and `weights` are for `model: ensemble`"),
        ("systems: {a: {model: gated, weights: validation}}", "`members` and `weights` are for `model: ensemble`"),
        ("features: {audio: {train: all}}", "`train` is for extractor `encoder`: `mfcc` has no weights"),
        ("features: {audio: {extractor: encoder, model: x, train: {top: 0}}}",
         "features.audio.train: expected none, all, lora or {top: N} with a number of layers N"),
        ("features: {audio: {extractor: encoder, model: x, train: all, pooling: windows}}",
         "`train` needs `pooling: mean` or `mean_std`"),
        ("features: {audio: {extractor: encoder, model: x, train: all, layer: projector}}",
         "not the module 'projector'"),
        ("features: {video: {train: all}}", "`hog` has no weights"),
        ("features: {video: {extractor: resnet50, weights: w.pt, train: lora}}", "and a ResNet has convolutions"),
        ("features: {video: {extractor: resnet50, weights: w.pt, train: {top: 5}}}", "a ResNet has 4 stages"),
        ("features: {video: {extractor: resnet50, weights: w.pt, train: all, pooling: windows}}",
         "`train` needs `pooling: mean_std`"),
        ("features: {audio: {crop_seconds: 4}}", "`crop_seconds` is for extractor `encoder`"),
        ("features: {audio: {extractor: encoder, model: x, train: all}}\nsystems: {a: {model: ridge, inputs: [audio]}}",
         "systems.a.inputs: the encoder of 'audio' is trained, which networks do"),
        ("features: {audio: {extractor: encoder, model: x, train: all}}\nsystems: {a: {model: concat, inputs: [audio]},"
         " b: {model: gated, inputs: [audio]}, e: {model: ensemble, members: [a, b]}}",
         "systems.e.members: several train the encoder of 'audio'"),
        ("features: {audio: {extractor: encoder, model: x, train: all}}\nsystems: {a: {model: concat, inputs: [audio], "
         "candidates: [{training: {hidden: 8}}]}}", "systems.a.candidates: candidates are compared on folds"),
        ("features: {audio: {extractor: encoder, model: x, train: all}}\nsystems: {a: {model: concat, inputs: [audio], "
         "training: {adaptation: gaussians}}}", "systems.a.training.adaptation: 'gaussians' reads vectors"),
        ("training: {encoders: {stop_on: [nowhere]}}", "training.encoders.stop_on: 'nowhere' is none of the study's"),
        ("systems: {a: {model: gated}, e: {model: ensemble, members: [a]}}", "needs at least two `members`"),
        ("systems: {a: {model: gated}, e: {model: ensemble, members: [a, a]}}", "members: 'a' is named twice"),
        ("systems: {a: {model: gated}, e: {model: ensemble, members: [a, e]}}",
         "systems.e.members: 'e' is an ensemble itself"),
        ("systems: {abc: {model: gated}, e: {model: ensemble, members: [abc, abd]}}",
         "systems.e.members: 'abd' is no system of this study (did you mean 'abc'?); members may be abc"),
        ("systems: {a: {model: gated}, b: {model: ridge}, e: {model: ensemble, members: [a, b], inputs: [audio]}}",
         "an ensemble has no `inputs` and no `training`"),
    ],
)  # fmt: skip
def test_inputs_and_systems_that_do_not_fit_are_refused(tmp_path, text, part):
    [problem] = problems(tmp_path, text)
    assert part in problem


def test_former_parameters_are_refused_with_their_successors(tmp_path):
    text = """
features:
  acoustic: {n_mfcc: 0}
  linguistic: {dimensions: 64}
  transcripts: {recogniser: pocketsphinx}
systems:
  a: {model: gated, modalities: [audio, text]}
  b: {model: ridge, modalities: [audio]}
"""
    assert problems(tmp_path, text, "features.visual.frames_per_second=3", "data.most_lost=1") == [
        "features.acoustic: is called `features.audio` now",
        "features.linguistic: is called `features.text` now",
        "features.visual: is called `features.video` now",
        "features.transcripts: is called `transcripts` now",
        "systems.a.modalities: is called `systems.a.inputs` now",
        "systems.b.modalities: is called `systems.b.inputs` now",
        "data.most_lost: is called `data.max_lost` now",
        "features.audio.n_mfcc: must be at least 1, not 0",
    ]
    assert problems(tmp_path, "", "systems.gated.modalities=[audio]")[0] == (
        "systems.gated.modalities: is called `systems.gated.inputs` now"
    )
    with pytest.raises(ValueError, match=r"features\.acoustic"):
        Params.model_validate({"name": "x", "corpora": {"emodb": {}}, "features": {"acoustic": {}}})


def test_study_that_names_only_corpora_runs_the_systems_of_voice(tmp_path):
    best, default = params.load("params/voice.yaml"), load(tmp_path, "")
    assert default.features == best.features
    assert default.systems == best.systems
    assert next(iter(default.systems)) == "voice"
    assert default.has_default_systems
    assert not best.has_default_systems


def test_default_systems_read_the_inputs_that_a_study_names(tmp_path):
    p = load(tmp_path, "features: {text: {}, speech: {modality: audio, extractor: encoder, model: x}}")
    assert {p.inputs_of(name) for name in p.systems} == {("speech", "text")}
    assert p.systems["ridge_adapted"].training == {"normalisation": "speaker_shrunk", "adaptation": "gaussians"}
    for option in ("train: all", "keep: frames"):
        p = load(tmp_path, f"features: {{speech: {{modality: audio, extractor: encoder, model: x, {option}}}}}")
        assert {name: one.model for name, one in p.systems.items()} == {"gated": "gated"}


def test_resolved_parameters_of_a_default_study_are_the_same_study(tmp_path):
    p = load(tmp_path, "")
    again = Params.model_validate(p.model_dump(mode="json"))
    assert again == p
    assert not again.has_default_systems
