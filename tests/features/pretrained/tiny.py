"""Tiny networks with random weights in transformers' own folders, made from configurations."""

from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

torch.set_num_threads(1)  # more of them wait for one another longer than networks of this size compute

BLOCKS = {"num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32, "hidden_size": 24}
CONVOLUTIONS = {"conv_dim": (8, 8, 8), "conv_kernel": (10, 16, 16), "conv_stride": (8, 16, 16)}
"""a frame every 128 ms: a second of sound costs little"""
SHORTEST = 2050
"""samples that these convolutions need for one frame"""
WAVES = {**BLOCKS, **CONVOLUTIONS, "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 16,
         "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 8, "num_labels": 7}  # fmt: skip
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
SOUND = {
    "wav2vec2": ("Wav2Vec2", {}),
    "wav2vec2-layer": ("Wav2Vec2", LAYER_NORM),
    "hubert": ("Hubert", {}),
    "hubert-layer": ("Hubert", LAYER_NORM),
    "hubert-batch-norm": ("Hubert", {"conv_pos_batch_norm": True}),
    "wavlm": ("WavLM", {}),
    "wavlm-layer": ("WavLM", LAYER_NORM),
    "unispeech-sat": ("UniSpeechSat", {}),
    "data2vec": ("Data2VecAudio", {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 2}),
}
MELS = 8
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def saved(network, folder: Path) -> Path:
    """Save a network whose every tensor is random: what starts at 0 or 1 would hide a mistake."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    network.save_pretrained(folder)
    return folder


def sound(folder: Path, kind: str = "wav2vec2", head: str = "Model", normalise: bool = True, **more) -> Path:
    """Save a network for sound with its feature extractor; `head` as in the names of transformers' classes."""
    torch.manual_seed(0)
    name, options = SOUND[kind]
    config = getattr(transformers, f"{name}Config")(**{**WAVES, **options, **more})
    saved(getattr(transformers, name + head)(config), folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=normalise).save_pretrained(folder)
    return folder


def whisper_config(**more):
    return transformers.WhisperConfig(
        d_model=24, encoder_layers=3, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=MELS, **more
    )  # fmt: skip


def whisper(folder: Path) -> Path:
    """Save Whisper's network, for sound alone."""
    torch.manual_seed(0)
    saved(transformers.WhisperModel(whisper_config(vocab_size=60, pad_token_id=0, bos_token_id=0, eos_token_id=0,
                                                   decoder_start_token_id=1)), folder)  # fmt: skip
    transformers.WhisperFeatureExtractor(feature_size=MELS).save_pretrained(folder)
    return folder


def bert(folder: Path) -> Path:
    """Save w2v-BERT 2.0, which reads spectra in steps of two frames."""
    torch.manual_seed(0)
    config = transformers.Wav2Vec2BertConfig(**BLOCKS, feature_projection_input_dim=2 * MELS, add_adapter=False,
                                             conv_depthwise_kernel_size=5, vocab_size=None)  # fmt: skip
    saved(transformers.Wav2Vec2BertModel(config), folder)
    transformers.SeamlessM4TFeatureExtractor(feature_size=MELS, num_mel_bins=MELS).save_pretrained(folder)
    return folder


PATCH, PATCH_TIMES = 16, 13
"""The side of a patch of the spectrum transformer, in frames and in bands, and the number of its times."""


def patches(folder: Path, head: str = "Model") -> Path:
    """Save an audio spectrogram transformer that reads 141 frames: 13 times of patches in 3 bands."""
    torch.manual_seed(0)
    length = 10 * (PATCH_TIMES - 1) + PATCH + 5
    config = transformers.ASTConfig(**BLOCKS, num_mel_bins=36, max_length=length, patch_size=PATCH,
                                    num_labels=7)  # fmt: skip
    saved(getattr(transformers, f"AST{head}")(config), folder)
    transformers.ASTFeatureExtractor(num_mel_bins=36, max_length=length).save_pretrained(folder)
    return folder


def speech_to_text(folder: Path) -> Path:
    """Save the encoder and decoder of Speech2Text, which reads spectra."""
    torch.manual_seed(0)
    config = transformers.Speech2TextConfig(
        d_model=24, encoder_layers=3, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, input_feat_per_channel=MELS, conv_channels=16, vocab_size=30,
    )  # fmt: skip
    transformers.Speech2TextFeatureExtractor(feature_size=MELS, num_mel_bins=MELS).save_pretrained(folder)
    return saved(transformers.Speech2TextModel(config), folder)


def parakeet(folder: Path) -> Path:
    """Save the encoder of Parakeet, which reads spectra."""
    torch.manual_seed(0)
    config = transformers.ParakeetEncoderConfig(
        hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32, num_mel_bins=MELS,
        subsampling_conv_channels=8,
    )  # fmt: skip
    transformers.ParakeetFeatureExtractor(feature_size=MELS).save_pretrained(folder)
    return saved(transformers.ParakeetEncoder(config), folder)


OTHER_SPECTRA = {"speech2text": speech_to_text, "parakeet": parakeet}
"""Networks that read spectra and for which there is no code of their own."""
SPECTRA = {"whisper": whisper, "w2v-bert": bert, "ast": patches}
"""Networks that read spectra, by name."""


def bytes_tokenizer(longest: int = 64, special: tuple[str, ...] = SPECIAL):
    """A tokenizer with a token for every byte and RoBERTa's special ones."""
    vocabulary = {token: n for n, token in enumerate([*special, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=special[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    start, pad, end, unknown, mask = special
    tokenizer.post_processor = processors.TemplateProcessing(
        f"{start} $A {end}", f"{start} $A {end} {end} $B {end}", [(start, 0), (end, 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=start, cls_token=start, eos_token=end, sep_token=end, pad_token=pad,
        unk_token=unknown, mask_token=mask, model_max_length=longest,
    )  # fmt: skip


def text(folder: Path, name: str = "Roberta", head: str = "Model", longest: int = 64, **more) -> Path:
    """Save a network for text with its tokenizer."""
    torch.manual_seed(0)
    tokenizer = bytes_tokenizer(longest)
    positions = longest + (2 if name == "Roberta" else 0)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), max_position_embeddings=positions, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        **{**BLOCKS, "type_vocab_size": 1, "num_labels": 7, **more},
    )  # fmt: skip
    saved(getattr(transformers, name + head)(config), folder)
    tokenizer.save_pretrained(folder)
    return folder


MARKS = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>",
         "<|notimestamps|>"]  # fmt: skip
"""after all words: what comes after the last of them would be a time"""
END, START, ENGLISH, GERMAN, TRANSLATE, TRANSCRIBE, UNTIMED = range(256, 263)
STEPS = 24
LIKE_END = 45
"""The token whose embedding the end has, a little longer: recordings end after different numbers of tokens."""


def recogniser(folder: Path, languages: bool = False) -> Path:
    """Save Whisper with a decoder and a tokenizer of bytes that ends after at most `STEPS` tokens."""
    torch.manual_seed(0)
    number = {token: n for n, token in enumerate([*sorted(pre_tokenizers.ByteLevel.alphabet()), *MARKS])}
    tokenizer = transformers.WhisperTokenizer(vocab=number, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": MARKS})
    ends = {"pad_token_id": END, "bos_token_id": END, "eos_token_id": END, "decoder_start_token_id": START}
    config = whisper_config(vocab_size=len(number), max_target_positions=32, init_std=0.6, **ends)
    network = transformers.WhisperForConditionalGeneration(config)
    more = {
        "lang_to_id": {"<|en|>": ENGLISH, "<|de|>": GERMAN},
        "task_to_id": {"translate": TRANSLATE, "transcribe": TRANSCRIBE},
    }
    network.generation_config = transformers.GenerationConfig(
        **ends, max_length=STEPS, no_timestamps_token_id=UNTIMED, is_multilingual=languages,
        suppress_tokens=list(range(START, UNTIMED + 1)), **(more if languages else {}),
    )  # fmt: skip
    saved(network, folder)
    with torch.no_grad():
        network.proj_out.weight[END] = 1.01 * network.proj_out.weight[LIKE_END]
    network.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=MELS).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
