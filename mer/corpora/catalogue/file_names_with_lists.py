"""Open corpora with lists or texts beside the recordings.

Each entry is all that MER needs to read the corpus. The comment above it gives an example and the traps.
"""

from mer.corpora.corpus import Corpus
from mer.corpora.file_name_pattern import FileNamePattern, Listing

# Emozionalmente: `audio/1613655062436.wav`; `metadata/samples.csv` gives speaker, sentence and emotion, and
# `metadata/users.csv` the gender and age of users. Traps: file names give nothing, so recordings that are not listed
# cannot be used; users include raters; some recordings have another sampling rate; EMOVO has three of the 18 sentences.
EMOZIONALMENTE = Corpus.from_pattern(
    "emozionalmente",
    FileNamePattern(
        name=r"[0-9]{10,16}",
        example="1613655062436",
        emotions={
            "anger": "anger",
            "disgust": "disgust",
            "fear": "fear",
            "joy": "happiness",
            "neutrality": "neutral",
            "sadness": "sadness",
            "surprise": "surprise",
        },
        language="it",
        speaker_letters=12,
        recording_list=Listing(
            "samples.csv",
            key="file_name",
            columns={"emotion": "emotion_expressed", "speaker": "actor", "sentence": "sentence", "text": "sentence"},
        ),
        speaker_list=Listing("users.csv", key="username", columns={"gender": "gender", "age": "age"}),
    ),
    title="Emozionalmente",
    folders=("Emozionalmente", "emozionalmente_dataset"),
    licence="CC BY 4.0",
    citation=(
        "Catania, Wilke and Garzotto (2025). Emozionalmente: A Crowdsourced Corpus of Simulated Emotional Speech in "
        "Italian. IEEE Transactions on Audio, Speech and Language Processing 33, 1142–1155."
    ),
    instructions=(
        "emozionalmente_dataset.zip from https://zenodo.org/record/6569824, no login; extract so that "
        "data/raw/Emozionalmente/audio/… lies beside data/raw/Emozionalmente/metadata/samples.csv and users.csv"
    ),
    expected_counts=dict.fromkeys(("anger", "disgust", "fear", "joy", "neutrality", "sadness", "surprise"), 986),
    speakers=431,
)

# JL: `JL(wav+txt)/female1_angry_10a_1.wav` is speaker, emotion, sentence, session, take; a text file has the same name.
# Traps: `male` is a part of `female`; besides five primary emotions there are five that belong to no class of any
# policy, and each of these five has two sentences of its own; the archive holds parts of its folder twice.
JL = Corpus.from_pattern(
    "jl",
    FileNamePattern(
        name=r"(?P<speaker>(?P<gender>female|male)[12])_(?P<emotion>[a-z]+)_(?P<sentence>[0-9]{1,2})[ab]_[12]",
        example="female1_angry_10a_1",
        emotions={
            "angry": "anger",
            "anxious": "anxiety",
            "apologetic": "apology",
            "assertive": "assertiveness",
            "concerned": "concern",
            "encouraging": "encouragement",
            "excited": "excitement",
            "happy": "happiness",
            "neutral": "neutral",
            "sad": "sadness",
        },
        language="en",
        text_suffix=".txt",
    ),
    title="JL-Corpus",
    folders=("JL", "JL-Corpus", "JL corpus", "Raw JL corpus (unchecked and unannotated)"),
    licence="CC0 1.0",
    citation=(
        "James, Tian and Watson (2018). An Open Source Emotional Speech Corpus for Human Robot Interaction "
        "Applications. Interspeech, 2768–2772."
    ),
    instructions="https://www.kaggle.com/tli725/jl-corpus, with an account; extract to data/raw/JL/…",
    expected_counts=dict.fromkeys(
        (
            "angry", "anxious", "apologetic", "assertive", "concerned", "encouraging", "excited", "happy", "neutral",
            "sad",
        ),
        240,
    ),
    speakers=4,
)  # fmt: skip

# nEMO: `samples/WR0_happiness_87.wav` is speaker, emotion, sentence; `data.tsv` adds text, gender and age. Traps: the
# column of speakers has leading blanks; the table names files with `.wav`, whatever their suffix is.
NEMO = Corpus.from_pattern(
    "nemo",
    FileNamePattern(
        name=r"(?P<speaker>[A-Z]{2}[0-9])_(?P<emotion>[a-z]+)_(?P<sentence>[0-9]{1,3})",
        example="WR0_happiness_87",
        emotions={
            "anger": "anger",
            "fear": "fear",
            "happiness": "happiness",
            "neutral": "neutral",
            "sadness": "sadness",
            "surprised": "surprise",
        },
        language="pl",
        recording_list=Listing(
            "data.tsv",
            key="file_id",
            columns={
                "emotion": "emotion",
                "text": "raw_text",
                "speaker": "speaker_id",
                "gender": "gender",
                "age": "age",
            },
            delimiter="\t",
        ),
    ),
    title="nEMO",
    folders=("nEMO", "nEMO-main"),
    licence="CC BY-NC-SA 4.0",
    citation="Christop (2024). nEMO: Dataset of Emotional Speech in Polish. LREC-COLING, 12111–12116.",
    instructions=(
        "https://github.com/amu-cai/nEMO, no login; put it at data/raw/nEMO/data.tsv and data/raw/nEMO/samples/…"
    ),
    expected_counts={"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprised": 669},
    speakers=9,
)

# ShEMO: `female/F03S02.wav` is speaker with gender, emotion (W surprise), number; `final text/F03S02.ort` has the text.
# The recordings are from radio plays; listeners gave the labels. Traps: F means women and fear; recordings were renamed
# and texts were not, so 162 recordings have no text, 162 texts have no recording, and 121 of the 2,838 texts with a
# recording of the same name belong to another one (Yazdani and Shekofteh, 2022, arXiv:2211.09956).
SHEMO = Corpus.from_pattern(
    "shemo",
    FileNamePattern(
        name=r"(?P<speaker>(?P<gender>[FM])[0-9]{2})(?P<emotion>[A-Z])[0-9]{2,3}",
        example="F03S02",
        emotions={
            "A": "anger",
            "F": "fear",
            "H": "happiness",
            "N": "neutral",
            "S": "sadness",
            "W": "surprise",
        },
        language="fa",
        text_source="human",
        text_suffix=".ort",
    ),
    title="ShEMO, Sharif Emotional Speech Database",
    folders=("ShEMO", "ShEMO-master", "Sharif Emotional Speech Database"),
    licence="free for academic purposes",
    citation=(
        "Mohamad Nezami, Jamshid Lou and Karami (2019). ShEMO: a large-scale validated database for Persian speech "
        "emotion detection. Language Resources and Evaluation 53(1), 1–16."
    ),
    instructions=(
        "https://github.com/mansourehk/ShEMO, no login; extract female.zip, male.zip (both by Git-LFS) and "
        "transcript.zip to data/raw/ShEMO/female/…, data/raw/ShEMO/male/… and data/raw/ShEMO/final text/…"
    ),
    expected_counts={"A": 1059, "F": 38, "H": 201, "N": 1028, "S": 449, "W": 225},
    speakers=87,
    lexical_control="free",
)

CORPORA = (EMOZIONALMENTE, JL, NEMO, SHEMO)
