"""The presets give the published inputs, from tensors of the published names and shapes."""

import numpy as np
import pytest
import torch
import transformers

from mer import files, params
from mer.features import Resources, audio, registry, text
from mer.features.pretrained import loading
from tests.features.pretrained import tiny

BLOCK = 768, 3072
SOUND = np.random.default_rng(0).normal(0, 0.1, 16_000).astype("f4")


def linear(name, width, inner):
    return {f"{name}.weight": (inner, width), f"{name}.bias": (inner,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def wav2vec2_base():
    """Names and shapes of `wav2vec2.…` in a published checkpoint (facebook/wav2vec2-base and its descendants)."""
    width, inner = BLOCK
    shapes = {"masked_spec_embed": (width,), **norm("feature_extractor.conv_layers.0.layer_norm", 512)}
    for n, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        shapes[f"feature_extractor.conv_layers.{n}.conv.weight"] = (512, 512 if n else 1, kernel)
    shapes |= norm("feature_projection.layer_norm", 512) | linear("feature_projection.projection", 512, width)
    shapes |= norm("encoder.layer_norm", width) | {"encoder.pos_conv_embed.conv.bias": (width,)}
    shapes |= {f"encoder.pos_conv_embed.conv.weight_{part}": shape
               for part, shape in (("g", (1, 1, 128)), ("v", (width, 48, 128)))}  # fmt: skip
    for n in range(12):
        layer = f"encoder.layers.{n}"
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            shapes |= linear(f"{layer}.attention.{part}", width, width)
        shapes |= norm(f"{layer}.layer_norm", width) | norm(f"{layer}.final_layer_norm", width)
        shapes |= linear(f"{layer}.feed_forward.intermediate_dense", width, inner)
        shapes |= linear(f"{layer}.feed_forward.output_dense", inner, width)
    return shapes


def roberta(blocks):
    """Names and shapes of `roberta.…` in a published checkpoint; six blocks are DistilRoBERTa's."""
    width, inner = BLOCK
    shapes = {f"embeddings.{table}_embeddings.weight": (rows, width)
              for table, rows in (("word", 50_265), ("position", 514), ("token_type", 1))}  # fmt: skip
    shapes |= norm("embeddings.LayerNorm", width)
    for n in range(blocks):
        layer = f"encoder.layer.{n}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= linear(f"{layer}.attention.{part}", width, width)
        shapes |= norm(f"{layer}.attention.output.LayerNorm", width) | norm(f"{layer}.output.LayerNorm", width)
        shapes |= linear(f"{layer}.intermediate.dense", width, inner) | linear(f"{layer}.output.dense", inner, width)
    return shapes


def prefixed(prefix, shapes):
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


def checkpoint(path, shapes):
    """Write tensors of the given shapes that hold one value each: small on disk, whatever their size."""
    rng = torch.Generator().manual_seed(0)
    torch.save({n: torch.full((1,), 0.02 + 0.02 * torch.rand(1, generator=rng).item()).expand(s)
                for n, s in shapes.items()}, path)  # fmt: skip
    return path


def configured(folder, config, architecture):
    config.architectures = [architecture]
    config.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """wav2vec 2.0's base configuration, which is transformers' default."""
    folder = tmp_path_factory.mktemp("sound")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return configured(folder, transformers.Wav2Vec2Config(num_labels=6), "Wav2Vec2ForSequenceClassification")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    tiny.bytes_tokenizer(512).save_pretrained(folder)
    config = transformers.RobertaConfig(
        vocab_size=50_265, num_hidden_layers=6, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5
    )
    return configured(folder, config, "RobertaForSequenceClassification")


def preset(name, **places):
    sets = [f"features.{key.replace('__', '.')}={place}" for key, place in places.items()]
    return params.load(files.ROOT / "params" / f"{name}.yaml", sets)


def test_audio_input_of_the_paper(sound, tmp_path):
    heads = linear("projector", 768, 256) | linear("classifier", 256, 7)
    weights = checkpoint(tmp_path / "audio.pth", prefixed("wav2vec2", wav2vec2_base()) | heads)
    section = preset("paper", audio__model=sound, audio__weights=weights).features["audio"]
    spec = audio.spec(section, params.schema.Data())
    assert (spec["width"], spec["layer"], spec["pooling"]) == (512, "projector", "windows")
    [result] = registry.of_input(section).open(section, Resources())([SOUND])
    made = loading.network(sound, weights, True, "")
    assert made.projector.weight.shape == (256, 768)
    assert made.classifier.weight.shape == (7, 256)  # as many classes as it was fine-tuned for
    window = np.resize(SOUND, 64_000)
    values = torch.as_tensor((window - window.mean()) / np.sqrt(window.var() + 1e-7))[None]
    with torch.inference_mode():
        state = made.wav2vec2(values).last_hidden_state
        expected = made.projector(state)[0].mean(0)
    assert state.shape == (1, 199, 768)  # as the paper's windows give
    np.testing.assert_allclose(result[:256], expected, atol=1e-5)
    assert not result[256:].any()


def test_text_input_of_the_paper(words, tmp_path):
    heads = linear("classifier.dense", 768, 768) | linear("classifier.out_proj", 768, 6)
    weights = checkpoint(tmp_path / "text.pth", prefixed("roberta", roberta(6)) | heads)
    section = preset("paper", text__model=words, text__weights=weights).features["text"]
    assert text.spec(section)["width"] == 768
    [result] = registry.of_input(section).open(section, Resources())(["Oh no!"])
    made = loading.network(words, weights, True, "")
    assert made.classifier.out_proj.weight.shape == (6, 768)
    ids = transformers.AutoTokenizer.from_pretrained(words)("Oh no!", return_tensors="pt").input_ids
    with torch.inference_mode():
        expected = made.classifier.dense(made.roberta(ids).last_hidden_state[:, 0])[0]
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_video_input_and_transcripts_of_the_paper():
    p = preset("paper")
    assert (p.features["video"].extractor, p.features["video"].pooling) == ("emo_affectnet", "windows")
    assert p.features["video"].frames_per_second == 5
    assert p.transcripts.recogniser == "whisper"


def test_simple_inputs_of_the_fork():
    inputs = preset("fork_simple").features
    assert audio.spec(inputs["audio"], params.schema.Data())["width"] == 160
    assert text.spec(inputs["text"])["width"] == 768


def test_encoders_of_the_fork(tmp_path):
    """WavLM's and RoBERTa's base configurations, without tensors: widths are read off the configuration."""
    for name, config in (("sound", transformers.WavLMConfig()), ("words", transformers.RobertaConfig())):
        config.save_pretrained(tmp_path / name)
    inputs = preset("hf", audio__model=tmp_path / "sound", text__model=tmp_path / "words").features
    spec = audio.spec(inputs["audio"], params.schema.Data())
    assert (spec["width"], spec["layer"], spec["pooling"]) == (768, -1, "mean")
    spec = text.spec(inputs["text"])
    assert (spec["width"], spec["layer"], spec["pooling"]) == (768, -1, "cls")
