"""L0: a sentence may not deny what its evidence affirms, nor affirm what it denies."""

from __future__ import annotations

import re

from rag.text import fold

__all__ = ["affirmed", "implies_denial", "negations"]

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|cannot|nobody|nothing|nowhere|non)\b|n['’]t\b|"
    r"\b(?:nicht|kein(?:e[nmrs]?)?|nie|niemals|ohne|weder|nirgends)\b|"
    r"\b(?:pas|jamais|aucun|aucune|sans)\b|\b(?:ningún|ninguna|nunca|sin|tampoco)\b|"
    r"\b(?:не|нет|никогда|без|ни)\b|(?:^|\s)(?:لا|لم|لن|ليس|ليست|بدون|دون|غير)(?:\s|$)|"
    r"不得|不能|不可|不会|不是|不应|不准|不许|不含|不包括|不超过|不需要|不需|不用|不再|不予|不少于|不低于|不|没有|没|未|无需|无须|无法|无权|禁止|严禁|勿|"
    r"ません|ない|なく|ず(?:に|、|。)|禁止"
)
# "不超过", "no more than" and the like bound a number; 不仅, 淹没, No. 81 only hold what denies elsewhere
_BOUND = re.compile(
    r"不(?:超过|少于|低于|高于|多于|动产|景气|锈|可避免|可思议|可或缺|[仅但只止光断论管久过懈惜愧已由少足幸良详均]|"
    # 不同意, 不时常, 不禁止 and the like deny all the same
    r"同(?!意)|时(?!常)|禁(?!止)|妨(?!碍)|错(?!过)|安(?![全排装])|当(?![选作])|便(?!宜))|"
    r"[淹沉埋吞出]没|没[收落]|未成年|未[来婚遂知]|[无無][论論]|"
    r"\bno\. ?(?=\d)|\bno doubt\b|\bnot least\b|"
    r"\bno (?:more|less|fewer|later|earlier) than\b|\bnot (?:only|more than|less than|exceed\w*)\b|"
    r"nicht (?:nur|mehr als|weniger als|zuletzt)|\bне (?:только|менее|более|раз)\b|"
    r"\bpas seulement\b|\bno s[oó]lo\b|غير أن|لا سيم|لا [يت]زال|لا نهائي|少なくない"
)
# What may say so much as a denial in another language does: inequality, lacks, failed to; 缺乏, 失败
_IMPLIED = re.compile(
    r"\b(?:lack|fail|absen|refus|reject|prevent|avoid|prohibit|forbid|den(?:y|ie[ds])|exclu|except|unless|"
    r"instead|rather than|hardly|rarely|seldom|barely|little|few|only|far from|non[a-z]{4}|"
    r"un(?!der|til|ter|ser|it|iv|iq|ion)\w{4}|dis(?:obe|appear|agree|contin|advant|satisf|order|allow|hon|like|trust)|"
    r"in(?:equal|equit|compl|suffic|abil|adequa|hospit|effect|accura|correct|direct|dependen|visib|justi|ausp|"
    r"definit|curab|compat|consist|valid|activ|secur|formal|approp|human)|im(?:poss|perfect|matur|balanc|prob|proper|moral)|"
    r"ir(?:reg|relev|respons|revers)|il(?:legal|logic|legit)|mangel|fehl|kaum|nur|außer|verzicht|scheiter|"
    r"gescheiter|не\w{3}|без\w{3}|отказ|отсутств|лишь|только)|[a-z]{3}less\b|[a-zäöüß]{4}los(?:e[nmrs]?)?\b|"
    r"عدم|غير|دون|"
    r"非(?![常洲])|缺|拒|失败|失敗|除了|避免|防止|免|仅|只有|难以|少有|很少|几乎|否|反对|不|没|无|無|未"
)


def negations(text: str) -> int:
    """How often a text denies something; bounds ("no more than") are not counted."""
    return len(_NEGATION.findall(_BOUND.sub(" ", fold(text))))


def affirmed(text: str) -> list[str]:
    """The text without each of its denials in turn; bounds stay."""
    bounds = [match.span() for match in _BOUND.finditer(text.lower())]
    found = []
    for match in _NEGATION.finditer(text.lower()):
        start, end = match.span()
        if not any(a <= start < b for a, b in bounds):
            found.append(f"{text[:start].rstrip() if text[:start].isascii() else text[:start]}{text[end:]}")
    return found


def implies_denial(text: str) -> bool:
    """Whether the text may say so much as a denial in another language does: lacks, inequality, 缺乏."""
    return bool(_IMPLIED.search(fold(text)))
