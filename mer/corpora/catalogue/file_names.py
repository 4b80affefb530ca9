"""Open corpora whose file names say everything.

Each entry is all that MER needs to read the corpus. The comment above it gives an example and the traps.
"""

from mer.corpora.corpus import Corpus
from mer.corpora.file_name_pattern import FileNamePattern

# AESDD: `anger/a03 (3).wav` is emotion, sentence, speaker. Traps: a few names end in a letter for another take, or have
# (01) for (1); s05 (3).wav has no samples in the published copy; there is no neutral; the genders of the speakers are
# not published.
AESDD = Corpus.from_pattern(
    "aesdd",
    FileNamePattern(
        name=r"(?P<emotion>[a-z])(?P<sentence>[0-9]{2}) \(0?(?P<speaker>[0-9])\)[ab]?",
        example="a03 (3)",
        emotions={"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"},
        language="el",
    ),
    title="AESDD, Acted Emotional Speech Dynamic Database",
    folders=("AESDD", "Acted Emotional Speech Dynamic Database"),
    licence="CC BY 4.0 (as re-published)",
    citation=(
        "Vryzas et al. (2018). Speech Emotion Recognition for Performance Interaction. Journal of the Audio "
        "Engineering Society 66(6), 457–467."
    ),
    instructions="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/; put it at data/raw/AESDD/anger/…",
    expected_counts={"a": 121, "d": 122, "f": 120, "h": 119, "s": 122},  # without s05 (3)
    speakers=6,
)

# CaFE: `Colère/Fort/01-C-2-1.wav` is speaker, emotion (colère, dégoût, joie, neutre, peur, surprise, tristesse),
# intensity (1 faible, 2 fort), sentence. Traps: the zip spells its folders in code page 437, which many programs decode
# wrongly, so the file name is used; neutral has no intensity, although its names have a 1.
CAFE = Corpus.from_pattern(
    "cafe",
    FileNamePattern(
        name=r"(?P<speaker>[0-9]{2})-(?P<emotion>[A-Z])-(?:(?<=N-)1|(?P<intensity>[12]))-(?P<sentence>[1-6])",
        example="01-C-2-1",
        emotions={
            "C": "anger",
            "D": "disgust",
            "J": "happiness",
            "N": "neutral",
            "P": "fear",
            "S": "surprise",
            "T": "sadness",
        },
        language="fr",
        speakers={
            "01": ("male", 46),
            "02": ("female", 64),
            "03": ("male", 18),
            "04": ("female", 50),
            "05": ("male", 22),
            "06": ("female", 34),
            "07": ("male", 15),
            "08": ("female", 25),
            "09": ("male", 42),
            "10": ("female", 20),
            "11": ("male", 35),
            "12": ("female", 37),
        },
        intensities={"1": "low", "2": "high"},
        texts={
            "1": "Un cheval fou dans mon jardin",
            "2": "Deux ânes aigris au pelage brun",
            "3": "Trois cygnes aveugles au bord du lac",
            "4": "Quatre vieilles truies éléphantesques",
            "5": "Cinq pumas fiers et passionnés",
            "6": "Six ours aimants domestiqués",
        },
    ),
    title="CaFE, Canadian French Emotional Speech",
    folders=("CaFE", "CaFE_48k"),
    licence="CC BY-NC-SA 4.0",
    citation="Gournay, Lahaie and Lefebvre (2018). A Canadian French Emotional Speech Dataset. ACM MMSys, 399–402.",
    instructions=(
        "CaFE_48k.zip from https://zenodo.org/record/1478765, no login; extract it with "
        "`python -m zipfile -e CaFE_48k.zip data/raw/CaFE`, which knows how it spells its folders"
    ),
    expected_counts=dict.fromkeys("CDJPST", 144) | {"N": 72},
    speakers=12,
)

# Indian EmoSpeech Command Dataset: `<place>/help-safe-angry-1563001069438-<hash of the speaker>.wav` is keyword,
# environment, emotion, time, speaker. Each recording is one spoken keyword, recorded over the web. Traps: the folder is
# the place of recording and does not give the emotion; labels were not validated, and the same audio sometimes has two
# labels; some names have `??` for the time, or no keyword; most recordings are of unidentified speakers under a single
# hash, so these speakers cannot be kept apart.
EMOSPEECHIN = Corpus.from_pattern(
    "emospeechin",
    FileNamePattern(
        name=(
            r"(?P<sentence>(?P<text>bacho|go|help|no|stop|yes))-[^-]+-(?P<emotion>[a-z]+)-[^-]+"
            r"-(?P<speaker>[0-9a-f]{12,})"
        ),
        example=(
            "help-safe-angry-1563001069438-<hexadecimal speaker> with one of the keywords bacho, go, help, no, stop "
            "and yes"
        ),
        emotions={"angry": "anger", "calm": "calm", "fearful": "fear", "happy": "happiness"},
        language="en",
        languages={"bacho": "hi"},
        speaker_letters=12,
        rejected_names={"-d14a028c2a3a[0-9a-f]*[.]": "the speaker is not identified and cannot be kept apart"},
    ),
    title="Indian EmoSpeech Command Dataset",
    folders=("EmoSpeech-IN", "emospeech-dataset-v1", "Indian EmoSpeech Command Dataset"),
    licence="CC BY-NC-SA 4.0",
    citation="Banga et al. (2019). Indian EmoSpeech Command Dataset. arXiv:1910.13801.",
    instructions=(
        "https://github.com/RakshakTeam/emospeech-dataset-v1, no login; put it at data/raw/EmoSpeech-IN/webservice/…"
    ),
    expected_counts={"angry": 450, "calm": 739, "fearful": 425, "happy": 386},  # keywords of known speakers
    speakers=105,
)

# EMOVO: `f2/gio-f2-b2.wav` is emotion (disgusto, gioia, neutrale, paura, rabbia, sorpresa, tristezza), speaker,
# sentence. Traps: the sentences n1 to n5 are nonsense, d1 and d2 are questions; Emozionalmente has three of the
# sentences too.
EMOVO = Corpus.from_pattern(
    "emovo",
    FileNamePattern(
        name=r"(?P<emotion>[a-z]{3})-(?P<speaker>[fm][123])-(?P<sentence>[bdln][0-9])",
        example="gio-f2-b2",
        emotions={
            "dis": "disgust",
            "gio": "happiness",
            "neu": "neutral",
            "pau": "fear",
            "rab": "anger",
            "sor": "surprise",
            "tri": "sadness",
        },
        language="it",
        speakers={
            "f1": ("female", 28),
            "f2": ("female", 23),
            "f3": ("female", 25),
            "m1": ("male", 30),
            "m2": ("male", 27),
            "m3": ("male", 30),
        },
        texts={
            "b1": "Gli operai si alzano presto.",
            "b2": "I vigili sono muniti di pistola.",
            "b3": "La cascata fa molto rumore.",
            "d1": "Sabato sera cosa farà?",
            "d2": "Porti con te quella cosa?",
            "l1": "L’autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
            "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
            "l3": "Un attimo dopo s’è incamminato ... ed è inciampato.",
            "l4": "Vorrei il numero telefonico del Signor Piatti.",
            "n1": "La casa forte vuole col pane.",
            "n2": "La forza trova il passo e l’aglio rosso.",
            "n3": "Il gatto sta scorrendo nella pera.",
            "n4": "Insalata pastasciutta coscia d’agnello limoncello.",
            "n5": "Uno quarantatré dieci mille cinquantasette venti.",
        },
    ),
    title="EMOVO",
    folders=("EMOVO",),
    licence="free for research",
    citation="Costantini et al. (2014). EMOVO Corpus: an Italian Emotional Speech Database. LREC, 3501–3504.",
    instructions="http://voice.fub.it/activities/corpora/emovo/index.html, often down; put it at data/raw/EMOVO/f1/…",
    expected_counts=dict.fromkeys(("dis", "gio", "neu", "pau", "rab", "sor", "tri"), 84),
    speakers=6,
)

# MESD: `Anger_F_A_tarde.wav` is emotion, voice (female, male, child), set of words, word. Traps: the 16 speakers have
# no ids, so the three voices count as speakers, which are too few for scores; the words of set B differ between
# emotions and reveal most of them; they are spelled without accents; a third of the voices are children.
MESD = Corpus.from_pattern(
    "mesd",
    FileNamePattern(
        name=r"(?P<emotion>[A-Z][a-z]+)_(?P<speaker>(?P<gender>[FMC]))_[AB]_(?P<sentence>(?P<text>[^\W\d]+))",
        example="Anger_F_A_tarde",
        emotions={
            "Anger": "anger",
            "Disgust": "disgust",
            "Fear": "fear",
            "Happiness": "happiness",
            "Neutral": "neutral",
            "Sadness": "sadness",
        },
        language="es",
    ),
    title="MESD, Mexican Emotional Speech Database",
    folders=("MESD", "Mexican Emotional Speech Database (MESD)"),
    licence="CC BY 4.0",
    citation=(
        "Duville, Alonso-Valerdi and Ibarra-Zarate (2021). The Mexican Emotional Speech Database (MESD): elaboration "
        "and assessment based on machine learning. EMBC, 1644–1647."
    ),
    instructions="https://data.mendeley.com/datasets/cy34mh68j9, no login; put it at data/raw/MESD/Anger_C_A_abajo.wav",
    expected_counts={"Anger": 143, "Disgust": 144, "Fear": 144, "Happiness": 144, "Neutral": 143, "Sadness": 144},
    speakers=3,
    lexical_control="emotion_specific",
)

# SUBESCO: `F_10_FAHMEE_S_6_FEAR_5.wav` is gender, number and name of the speaker, sentence, emotion, take. Traps: a
# number without gender belongs to a woman and a man; one name ends in a bracket; the sentences are in the paper only.
SUBESCO = Corpus.from_pattern(
    "subesco",
    FileNamePattern(
        name=(r"(?P<speaker>(?P<gender>[FM])_[0-9]{2})_[A-Z]+_S_(?P<sentence>[0-9]{1,2})_(?P<emotion>[A-Z]+)_[0-9]\]?"),
        example="F_10_FAHMEE_S_6_FEAR_5",
        emotions={
            "ANGRY": "anger",
            "DISGUST": "disgust",
            "FEAR": "fear",
            "HAPPY": "happiness",
            "NEUTRAL": "neutral",
            "SAD": "sadness",
            "SURPRISE": "surprise",
        },
        language="bn",
    ),
    title="SUBESCO, SUST Bangla Emotional Speech Corpus",
    folders=("SUBESCO",),
    licence="CC BY 4.0",
    citation=(
        "Sultana et al. (2021). SUST Bangla Emotional Speech Corpus (SUBESCO): An audio-only emotional speech corpus "
        "for Bangla. PLoS ONE 16(4), e0250173."
    ),
    instructions="SUBESCO.zip from https://zenodo.org/records/4526477, no login; extract to data/raw/SUBESCO/…",
    expected_counts=dict.fromkeys(("ANGRY", "DISGUST", "FEAR", "HAPPY", "NEUTRAL", "SAD", "SURPRISE"), 1000),
    speakers=20,
)

# TurEV-DB: `Sound Source/Happy/1234_mt_cay.wav` is speaker, emotion, word. Traps: the repository also holds filtered
# copies under the same names, in folders that come first; the words are spelled without Turkish letters, so the
# transcripts are approximate; the licence forbids passing on changed recordings.
TUREVDB = Corpus.from_pattern(
    "turevdb",
    FileNamePattern(
        name=r"(?P<speaker>[0-9]{4})_(?P<emotion>[a-z]{2})_(?P<sentence>(?P<text>[^\W\d_]+))[0-9]?",
        example="1234_mt_cay",
        emotions={"hl": "sadness", "kz": "anger", "mt": "happiness", "sk": "calm"},
        language="tr",
        rejected_names={"(^|/)Model Output for Test Data/": "a filtered copy of a recording, not read"},
    ),
    title="TurEV-DB, Turkish Emotion Voice Database",
    folders=("TurEV-DB", "TurEV-DB-master"),
    licence="CC BY-NC-ND 4.0",
    citation="Canpolat, Ormanoğlu and Zeyrek (2020). Turkish Emotion Voice Database. SLTU-CCURL, 368–375.",
    instructions=(
        "https://github.com/Xeonen/TurEV-DB, no login; put it at data/raw/TurEV-DB/Sound Source/Angry/… "
        "beside Calm, Happy and Sad"
    ),
    expected_counts={"hl": 483, "kz": 487, "mt": 357, "sk": 408},
    speakers=6,
)

# URDU: `Angry/SM1_F10_A010.wav` is speaker with gender, file, emotion and number. The recordings are from talk shows
# and not acted. Traps: 38 speakers are published, the names have 29; 26 of these have one emotion only, so a model that
# recognises speakers also recognises emotions.
URDU = Corpus.from_pattern(
    "urdu",
    FileNamePattern(
        name=r"(?P<speaker>S(?P<gender>[FM])[0-9]{1,2})_F[0-9]+_(?P<emotion>[A-Z])[0-9]+",
        example="SM1_F10_A010",
        emotions={"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"},
        language="ur",
    ),
    title="URDU",
    folders=("URDU", "URDU-Dataset", "URDU-Dataset-master"),
    licence="free for research",
    citation=("Latif et al. (2018). Cross Lingual Speech Emotion Recognition: Urdu vs. Western Languages. FIT, 88–93."),
    instructions="https://github.com/siddiquelatif/URDU-Dataset, no login; put it at data/raw/URDU/Angry/…",
    expected_counts=dict.fromkeys("AHNS", 100),
    speakers=29,
    lexical_control="free",
    elicitation="natural",
)

CORPORA = (AESDD, CAFE, EMOSPEECHIN, EMOVO, MESD, SUBESCO, TUREVDB, URDU)
