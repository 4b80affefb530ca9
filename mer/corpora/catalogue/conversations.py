"""Corpora of dialogue, television, film and monologue that have a parser of their own."""

from mer.corpora.corpus import Corpus

AFEW = Corpus(
    name="afew",
    title="AFEW 7.0, Acted Facial Expressions in the Wild",
    family="afew",
    folders=("AFEW", "AFEW 7.0", "EmotiW"),
    emotions={
        "Angry": "anger",
        "Disgust": "disgust",
        "Fear": "fear",
        "Happy": "happiness",
        "Neutral": "neutral",
        "Sad": "sadness",
        "Surprise": "surprise",
    },
    parser="afew",
    language="en",
    licence="research only, agreement to be signed; must not be passed on",
    citation=(
        "Dhall et al. (2012). Collecting Large, Richly Annotated Facial-Expression Databases from Movies. "
        "IEEE MultiMedia 19(3), 34–41."
    ),
    instructions=(
        "ask the organisers of EmotiW for the agreement; put the clips at data/raw/AFEW/Train_AFEW/Angry/… "
        "and data/raw/AFEW/Val_AFEW/Angry/…"
    ),
    expected_counts={
        "Angry": 197,
        "Disgust": 114,
        "Fear": 127,
        "Happy": 213,
        "Neutral": 207,
        "Sad": 178,
        "Surprise": 120,
    },
    lexical_control="free",
    elicitation="movie",
    official_splits=True,
)

EMORYNLP = Corpus(
    name="emorynlp",
    title="EmoryNLP, Emotion Detection on TV Show Transcripts",
    family="friends",
    folders=("EmoryNLP", "emorynlp-master"),
    emotions={
        "Joyful": "happiness",
        "Mad": "anger",
        "Neutral": "neutral",
        "Peaceful": "peacefulness",
        "Powerful": "power",
        "Sad": "sadness",
        "Scared": "fear",
    },
    parser="emorynlp",
    language="en",
    licence="Apache-2.0 (annotation); dialogue of a television series, for research",
    citation=(
        "Zahiri and Choi (2018). Emotion Detection on TV Show Transcripts with Sequence-based Convolutional Neural "
        "Networks. AAAI workshops."
    ),
    instructions=(
        "emorynlp_train_final.csv, emorynlp_dev_final.csv and emorynlp_test_final.csv from data/emorynlp of "
        "https://github.com/declare-lab/MELD, no login; put them into data/raw/EmoryNLP/"
    ),
    expected_counts={
        "Joyful": 2099,
        "Mad": 968,
        "Neutral": 3095,
        "Peaceful": 831,
        "Powerful": 717,
        "Sad": 595,
        "Scared": 1184,
    },
    lexical_control="free",
    elicitation="tv",
    official_splits=True,
    has_audio=False,
    cluster=("speaker_id", "dialogue_id"),
)

IEMOCAP = Corpus(
    name="iemocap",
    title="IEMOCAP, Interactive Emotional Dyadic Motion Capture Database",
    family="iemocap",
    folders=("IEMOCAP", "IEMOCAP_full_release", "IEMOCAP_full_release_withoutVideos"),
    emotions={
        "ang": "anger",
        "dis": "disgust",
        "exc": "excitement",
        "fea": "fear",
        "fru": "frustration",
        "hap": "happiness",
        "neu": "neutral",
        "oth": "other",
        "sad": "sadness",
        "sur": "surprise",
        "xxx": "no agreement",
    },
    parser="iemocap",
    language="en",
    licence="research only, licence to be signed; must not be passed on",
    citation=(
        "Busso et al. (2008). IEMOCAP: Interactive emotional dyadic motion capture database. "
        "Language Resources and Evaluation 42(4), 335–359."
    ),
    instructions=(
        "apply at https://sail.usc.edu/iemocap/iemocap_release.htm; extract the archive so that "
        "data/raw/IEMOCAP/Session1/dialog/… and …/sentences/wav/… are there (IEMOCAP_full_release in between is fine)"
    ),
    expected_counts={
        "ang": 1103,
        "dis": 2,
        "exc": 1041,
        "fea": 40,
        "fru": 1849,
        "hap": 595,
        "neu": 1708,
        "oth": 3,
        "sad": 1084,
        "sur": 107,
        "xxx": 2507,
    },
    speakers=10,
    lexical_control="free",
    split_by_session=True,
    elicitation="dialogue",
)

MELD = Corpus(
    name="meld",
    title="MELD, Multimodal EmotionLines Dataset",
    family="friends",
    folders=("MELD", "MELD.Raw", "MELD-master"),
    emotions={
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "joy": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
    },
    parser="meld",
    language="en",
    licence="GPL-3.0 (repository); dialogue of a television series, for research",
    citation=(
        "Poria et al. (2019). MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations. ACL."
    ),
    instructions=(
        "MELD.Raw.tar.gz (11 GB) from https://affective-meld.github.io, no login; extract it and the three "
        "archives inside to data/raw/MELD/train/…, dev/…, test/…; take the three *_sent_emo.csv from "
        "https://github.com/declare-lab/MELD instead of those in the archive"
    ),
    expected_counts={
        "anger": 1607,
        "disgust": 361,
        "fear": 358,
        "joy": 2308,
        "neutral": 6436,
        "sadness": 1002,
        "surprise": 1636,
    },
    lexical_control="free",
    elicitation="tv",
    official_splits=True,
    cluster=("speaker_id", "dialogue_id"),
)

MOSEI = Corpus(
    name="mosei",
    title="CMU-MOSEI, Multimodal Opinion Sentiment and Emotion Intensity",
    family="mosei",
    folders=("CMU-MOSEI", "MOSEI"),
    emotions={
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "none": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
        "tie": "no agreement",
    },
    parser="mosei",
    language="en",
    licence="research only, see the licence of CMU-MultimodalSDK",
    citation=(
        "Bagher Zadeh et al. (2018). Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable "
        "Dynamic Fusion Graph. ACL."
    ),
    instructions=(
        "CMU_MOSEI.zip and the labels, see https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK; put them at "
        "data/raw/CMU-MOSEI/Raw/Audio/Full/WAV_16000/…, Raw/Transcript/…, with cmu_mosei_std_folds.py and the labels "
        "as a csv file"
    ),
    lexical_control="free",
    elicitation="natural",
    official_splits=True,
    multi_label=True,
)

CORPORA = (AFEW, EMORYNLP, IEMOCAP, MELD, MOSEI)
