"""ESD, the Mandarin half: speakers 0001 to 0010 in the same folder and layout as the English half (esd.py).

Traps: most lists are in GB 2312, the others in UTF-16 and UTF-8; the sentences differ from those of the English half.
"""

from mer.corpora.parsers.esd import ENGLISH, MANDARIN, parser

parse = parser(MANDARIN, ENGLISH)
