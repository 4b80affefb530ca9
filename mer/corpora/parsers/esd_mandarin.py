"""ESD, the Mandarin half: speakers 0001 to 0010 in the same folder and layout as the English ones (esd.py).

Traps: most lists are in GB 2312, the others in UTF-16 and UTF-8; the sentences are not those of the English half.
"""

from mer.corpora.corpus import Corpus
from mer.corpora.parsers import esd

CORPUS = Corpus(
    name="esd_mandarin",
    title="ESD, Emotional Speech Dataset (Mandarin)",
    family="esd",
    folders=("ESD Mandarin", *esd.CORPUS.folders),
    emotions=esd.EMOTIONS,
    parse=esd.parser(esd.MANDARIN, esd.ENGLISH),
    language="zh",
    licence=esd.CORPUS.licence,
    citation=esd.CORPUS.citation,
    obtain=(
        "sign the licence at https://github.com/HLTSingapore/Emotional-Speech-Data, which leads to the "
        "download; put it at data/raw/ESD/0001/Angry/… with data/raw/ESD/0001/0001.txt"
    ),
    expected=dict.fromkeys(esd.EMOTIONS, 3500),
    speakers=10,
    telltale=r"00(0[1-9]|10)_[0-9]{6}",
)
