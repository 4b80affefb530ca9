"""Corpora of acted sentences that have a parser of their own."""

from mer.corpora.corpus import Corpus

CREMAD = Corpus(
    name="cremad",
    title="CREMA-D",
    family="cremad",
    folders=("CREMA-D", "CREMA-D-master", "CREMA"),
    emotions={
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happiness",
        "NEU": "neutral",
        "SAD": "sadness",
        # the letters of the raters' votes are native labels too: `emotion_perceived` is one of them
        "A": "anger",
        "D": "disgust",
        "F": "fear",
        "H": "happiness",
        "N": "neutral",
        "S": "sadness",
    },
    parser="cremad",
    language="en",
    licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
    citation=(
        "Cao et al. (2014). CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset. "
        "IEEE Transactions on Affective Computing 5(4), 377–390."
    ),
    instructions=(
        "git clone with Git-LFS from https://github.com/CheyneyComputerScience/CREMA-D (the zip there has "
        "no audio); put it at data/raw/CREMA-D/AudioWAV/… and keep the csv files beside it"
    ),
    expected_counts=dict.fromkeys(("ANG", "DIS", "FEA", "HAP", "SAD"), 1271) | {"NEU": 1087},
    speakers=91,
)

EMODB = Corpus(
    name="emodb",
    title="EMO-DB, Berlin Database of Emotional Speech",
    family="emodb",
    folders=("emodb", "EMO-DB", "Berlin EMO-DB", "emodb-wav"),
    emotions={
        "A": "fear",
        "E": "disgust",
        "F": "happiness",
        "L": "boredom",
        "N": "neutral",
        "T": "sadness",
        "W": "anger",
    },
    parser="emodb",
    language="de",
    licence="free of charge (TU Berlin); CC0 1.0 as re-published by audEERING",
    citation="Burkhardt et al. (2005). A Database of German Emotional Speech. Interspeech.",
    instructions=(
        "http://emodb.bilderbar.info/download/download.zip, no login; extract so that the recordings "
        "lie at data/raw/emodb/wav/03a01Fa.wav"
    ),
    expected_counts={"A": 69, "E": 46, "F": 71, "L": 81, "N": 79, "T": 62, "W": 127},
    speakers=10,
)

EMOVDB = Corpus(
    name="emovdb",
    title="EmoV-DB, Emotional Voices Database",
    family="emovdb",
    folders=("EmoV-DB", "EmoV-DB_sorted", "EmoV-DB sorted", "SLR115"),
    emotions={
        "Amused": "amusement",
        "Angry": "anger",
        "Disgust": "disgust",
        "Neutral": "neutral",
        "Sleepy": "sleepiness",
    },
    parser="emovdb",
    language="en",
    licence="non-commercial research and teaching (LICENSE.md)",
    citation=(
        "Adigwe et al. (2018). The Emotional Voices Database: Towards Controlling the Emotion Dimension in Voice "
        "Generation Systems. arXiv:1806.09514."
    ),
    instructions=(
        "the 18 archives of https://www.openslr.org/115/, no login; extract them to data/raw/EmoV-DB/bea_Amused/…, "
        "and put http://www.festvox.org/cmu_arctic/cmuarctic.data beside them for the text"
    ),
    expected_counts={"Amused": 1317, "Angry": 1268, "Disgust": 1019, "Neutral": 1568, "Sleepy": 1721},
    speakers=4,
)

ESD = Corpus(
    name="esd",
    title="ESD, Emotional Speech Dataset (English)",
    family="esd",
    folders=("ESD", "Emotion Speech Dataset", "Emotional Speech Dataset (ESD)", "Emotional Speech Dataset"),
    emotions={
        "Angry": "anger",
        "Happy": "happiness",
        "Neutral": "neutral",
        "Sad": "sadness",
        "Surprise": "surprise",
    },
    parser="esd",
    language="en",
    licence="research only, licence to be signed",
    citation=(
        "Zhou et al. (2021). Seen and Unseen Emotional Style Transfer for Voice Conversion with a New "
        "Emotional Speech Dataset. ICASSP."
    ),
    instructions=(
        "sign the licence at https://github.com/HLTSingapore/Emotional-Speech-Data, which leads to the "
        "download; put it at data/raw/ESD/0011/Angry/… with data/raw/ESD/0011/0011.txt"
    ),
    expected_counts=dict.fromkeys(("Angry", "Happy", "Neutral", "Sad", "Surprise"), 3500),
    speakers=10,
)

ESD_MANDARIN = Corpus(
    name="esd_mandarin",
    title="ESD, Emotional Speech Dataset (Mandarin)",
    family="esd",
    folders=("ESD Mandarin", *ESD.folders),
    emotions=ESD.emotions,
    parser="esd_mandarin",
    language="zh",
    licence=ESD.licence,
    citation=ESD.citation,
    instructions=(
        "sign the licence at https://github.com/HLTSingapore/Emotional-Speech-Data, which leads to the "
        "download; put it at data/raw/ESD/0001/Angry/… with data/raw/ESD/0001/0001.txt"
    ),
    expected_counts=dict.fromkeys(ESD.emotions, 3500),
    speakers=10,
    file_name_pattern=r"00(0[1-9]|10)_[0-9]{6}",
)

MEAD = Corpus(
    name="mead",
    title="MEAD, Multi-view Emotional Audio-visual Dataset",
    family="mead",
    folders=("MEAD", "MEAD Part 0", "MEAD-part0"),
    emotions={
        "angry": "anger",
        "contempt": "contempt",
        "disgusted": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprised": "surprise",
    },
    parser="mead",
    language="en",
    licence="research only, see the terms of use in the repository",
    citation=(
        "Wang et al. (2020). MEAD: A Large-scale Audio-visual Dataset for Emotional Talking-face Generation. ECCV."
    ),
    instructions=(
        "Part 0, linked from https://wywu.github.io/projects/MEAD/MEAD.html; the audio.tar of each actor is enough; "
        "extract it to data/raw/MEAD/M003/audio/…"
    ),
    expected_counts={
        "angry": 4193,
        "contempt": 4215,
        "disgusted": 4284,
        "fear": 4251,
        "happy": 4294,
        "neutral": 1916,
        "sad": 4306,
        "surprised": 4270,
    },
    speakers=48,
    lexical_control="emotion_specific",
)

RAVDESS = Corpus(
    name="ravdess",
    title="RAVDESS (speech, audio only)",
    family="ravdess",
    folders=("RAVDESS", "RAVDESS speech", "Audio_Speech_Actors_01-24", "ravdess-emotional-speech-audio"),
    emotions={
        "01": "neutral",
        "02": "calm",
        "03": "happiness",
        "04": "sadness",
        "05": "anger",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
    },
    parser="ravdess",
    language="en",
    licence="CC BY-NC-SA 4.0",
    citation=(
        "Livingstone and Russo (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song. "
        "PLoS ONE 13(5), e0196391."
    ),
    instructions=(
        "Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976, no login; "
        "extract to data/raw/RAVDESS/Actor_01/…"
    ),
    expected_counts={"01": 96} | dict.fromkeys(("02", "03", "04", "05", "06", "07", "08"), 192),
    speakers=24,
)

RAVDESS_SONG = Corpus(
    name="ravdess_song",
    title="RAVDESS (song, audio only)",
    family="ravdess",
    folders=("RAVDESS song", "Audio_Song_Actors_01-24", "RAVDESS", "ravdess-emotional-song-audio"),
    emotions={code: RAVDESS.emotions[code] for code in ("01", "02", "03", "04", "05", "06")},
    parser="ravdess_song",
    language="en",
    licence=RAVDESS.licence,
    citation=RAVDESS.citation,
    instructions=(
        "Audio_Song_Actors_01-24.zip from https://zenodo.org/records/1188976, no login; "
        "extract to data/raw/RAVDESS song/Actor_01/…, apart from the speech recordings"
    ),
    expected_counts={"01": 92} | dict.fromkeys(("02", "03", "04", "05", "06"), 184),
    speakers=23,
    shares_speakers=True,
    absent_speakers={"18": "female"},
    file_name_pattern=r"03-02-[0-9]{2}-.*",
)

SAVEE = Corpus(
    name="savee",
    title="SAVEE, Surrey Audio-Visual Expressed Emotion",
    family="savee",
    folders=("SAVEE", "surrey-audiovisual-expressed-emotion-savee"),
    emotions={
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    },
    parser="savee",
    language="en",
    licence="free for research, after registration",
    citation="Haq and Jackson (2009). Speaker-Dependent Audio-Visual Emotion Recognition. AVSP, 53–58.",
    instructions=(
        "register at http://kahlan.eps.surrey.ac.uk/savee/; extract so that the recordings lie at "
        "data/raw/SAVEE/AudioData/DC/a01.wav (data/raw/SAVEE/ALL/DC_a01.wav is read, too)"
    ),
    expected_counts=dict.fromkeys(("a", "d", "f", "h", "sa", "su"), 60) | {"n": 120},
    speakers=4,
    lexical_control="emotion_specific",
)

TESS = Corpus(
    name="tess",
    title="TESS, Toronto Emotional Speech Set",
    family="tess",
    folders=("TESS", "TESS Toronto emotional speech set data", "toronto-emotional-speech-set-tess"),
    emotions={
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "ps": "surprise",
        "sad": "sadness",
    },
    parser="tess",
    language="en",
    licence="CC BY-NC-ND 4.0",
    citation=(
        "Pichora-Fuller and Dupuis (2020). Toronto emotional speech set (TESS). Borealis, doi:10.5683/SP2/E8H2MF."
    ),
    instructions=(
        "https://doi.org/10.5683/SP2/E8H2MF, no login; extract so that the recordings lie at "
        "data/raw/TESS/OAF_angry/OAF_back_angry.wav (the folders in between do not matter)"
    ),
    expected_counts=dict.fromkeys(("angry", "disgust", "fear", "happy", "neutral", "ps", "sad"), 400),
    speakers=2,
)

CORPORA = (CREMAD, EMODB, EMOVDB, ESD, ESD_MANDARIN, MEAD, RAVDESS, RAVDESS_SONG, SAVEE, TESS)
