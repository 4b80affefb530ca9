"""Scripts and common words, by which the language of a sentence is recognised."""

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
"""ISO 639-1 code -> the beginnings of the Unicode names of its letters. Hindi is often written with Latin letters."""

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
"""ISO 639-1 code -> common words of everyday speech. The lists are short so that `transcript_errors.foreign` does not
mistake English sentences for other languages."""

_EVERYDAY = (
    "a about again all already always am an and any anything are as at back bad be because been before being better "
    "big but by call came can care come could day did do does doing done down even ever every everything feel fine "
    "for from get getting give go god going gone good got great had happen happened has have he hello her here hey hi "
    "him his how i if in into is it just keep kind kidding know last leave let like little long look lot love made "
    "make man may maybe me mean mind more much must my need never new next nice night no not nothing now of off oh "
    "okay old on one only or other our out over people please point put ready really right said same say see should "
    "so some somebody someone something sorry sounds stop stuff such sure take talk talking tell than thank thanks "
    "that the their them then there these they thing things think this those thought time to today told tomorrow "
    "tonight too trying two um uh under understand until up us very wait want was way we well went were what when "
    "where which who why will with wonderful work worry would wow yes yet you your"
)
EVERYDAY = frozenset(_EVERYDAY.split())
"""English words, as from `text_normalisation.words`, whose phrases occur in independent corpora."""
