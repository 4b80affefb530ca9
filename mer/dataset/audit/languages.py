"""What tells the language of a line: its letters, and for Latin letters its commonest words."""

SCRIPTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("ar", "fa", "ur"), frozenset({"ARABIC"})),
    **dict.fromkeys(("be", "bg", "ru", "uk"), frozenset({"CYRILLIC"})),
    "bn": frozenset({"BENGALI"}),
    "el": frozenset({"GREEK"}),
    "he": frozenset({"HEBREW"}),
    "hi": frozenset({"DEVANAGARI", "LATIN"}),
    "ja": frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    "ko": frozenset({"HANGUL", "CJK"}),
    "ta": frozenset({"TAMIL"}),
    "te": frozenset({"TELUGU"}),
    "th": frozenset({"THAI"}),
    "zh": frozenset({"CJK"}),
    **dict.fromkeys(("ca", "cs", "da", "de", "en", "es", "et", "eu", "fi", "fr", "hr", "hu", "id", "it", "lt", "lv",
                     "ms", "nl", "no", "pl", "pt", "ro", "sk", "sl", "sv", "sw", "tr", "vi"),
                    frozenset({"LATIN"})),
}  # fmt: skip
"""ISO 639-1 -> how Unicode's names of its letters begin. Hindi is often spelled with Latin letters."""

COMMON: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "de": "aber auch auf bin da das dem den der die ein eine er es habe hat ich im ist mit nicht noch sich sie und "
        "von war was wir wird zu",
        "en": "and are as at but do for from have he her him his i in is it me my not of on she so that the they this "
        "to was we what with you your",
        "es": "al como con de del el en es está la las lo los me más no para pero por que se su una y yo",
        "fr": "au avec ce dans des du elle est et il je la le les mais mon ne nous pas pour que qui sont sur un une "
        "vous",
        "it": "alla che con da del della di e gli ho i il la le lo ma mi nel non per si sono un una è",
        "nl": "aan de dat die een en er het hij ik in is maar met niet om op te van voor ze zijn",
        "pl": "ale był co czy dla do i jak jest już ma mnie na nie o od po przez się tak to w z za że",
        "pt": "as com como da de do e em eu foi mas me na no não o os para por que se um uma é",
        "tr": "ama ben bir bu da daha de değil gibi için kadar mi ne o sen var ve çok",
    }.items()
}
"""Words of everyday speech. Short lists by intention: with them, no line of 20,000 English ones passes for another
language by the rule in `transcripts`, and half of the German ones are found among English ones."""
