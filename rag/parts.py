"""Step: a question -> its parts, by rule: several questions in a row, several question words, an enumeration.

A part is looked up, answered and checked like a question of its own, so a rule splits only where both sides
ask for something: "bread and butter" stays whole. Rules, not a model: they cost microseconds and are the same
whichever generator runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.text import question_terms

__all__ = ["MOST_PARTS", "Part", "parts"]

# More parts than this are a letter, not a question; the last part keeps the rest
MOST_PARTS = 5
# A part with fewer words of its own leans on what was said before it ("and when?")
FEWEST_TERMS = 2
FEWEST_BIGRAMS = 5

_QUESTION_END = re.compile(r"[?？؟]+\s*")
_SENTENCE_END = re.compile(r"(?<=[.!。！])\s+|(?<=[。！])")
_WORDS = (
    r"who|whom|whose|what|which|when|where|why|how|"
    r"wer|wen|wem|wessen|was|welche[mnrs]?|wann|wo|wohin|woher|warum|wieso|weshalb|wie|wieviele?|"
    r"qui|que|quoi|quel(?:le)?s?|quand|où|pourquoi|comment|combien|"
    r"quién(?:es)?|qué|cuál(?:es)?|cuándo|dónde|cuánt[oa]s?|cómo|"
    r"кто|кого|кому|кем|что|чем|как|как(?:ой|ая|ое|ие|ого|ом|ую|их)|когда|где|куда|откуда|почему|зачем|сколько|"
    r"ما|ماذا|متى|أين|لماذا|كيف|كم|هل|أي"
)
_BEFORE = (
    r"(?:in|on|at|by|to|for|from|with|of|since|until|under|through|after|within|über|um|seit|bis|mit|von|für|"
    r"nach|aus|à|de|en|depuis|desde|hasta|por|para|с|в|из|до|от|по|في|منذ|إلى)"
)
_ASKS = rf"(?:(?:{_BEFORE}|about)\s+)?(?:{_WORDS})\b"
# "was" asks in German only
_AND = (
    r"(?:(?:and(?: also)?|as well as|also|plus)(?!\s+was\b)|"
    r"und(?: auch)?|sowie|et|ainsi que|y|e|и|а также|а|وكذلك)"
)
# An auxiliary after "and" begins a question of its own: "..., and is it refundable?"
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|can|could|may|must|should|will|has|have)\s+"
    r"(?:the|a|an|it|they|there|he|she|we|i|you|this|that)\b"
)
_JOINT = re.compile(
    rf"(?P<and>\s*[,;،]?\s+{_AND}\s+(?={_ASKS})|\s*[,;،]\s+{_AND}\s+(?={_AUXILIARY})|،?\s+و(?=(?:{_WORDS})\b))|"
    rf"(?P<comma>\s*[,،]\s+(?={_ASKS}))|(?P<semicolon>\s*;\s+(?={_ASKS}))",
    re.I,
)
_ASK = re.compile(rf"(?<!\w){_ASKS}", re.I)
# "When and where was ...": what follows belongs to both
_OF_A_KIND = (
    rf"(?:{_BEFORE}\s+)?(?:which|how many|welche[mnrs]?|wie viele|quel(?:le)?s?|"
    r"cuánt[oa]s|как(?:ой|ая|ое|ие|ом))\s\w+"
)
_PAIR = re.compile(
    rf"(?<!\w)(?P<one>{_OF_A_KIND}|{_ASKS})\s+(?:and|und|et|y|и)\s+(?P<two>{_OF_A_KIND}|{_ASKS})(?=\s)", re.I
)

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_ASKS_CJK = (
    r"(?:什么时候|什么|为什么|为何|多少|多久|多长|多大|多高|多远|哪|(?<!任)何[时地处人年]|如何|几(?!乎)|谁|怎么|怎样|是否|"
    r"能否|可否|有没有|是不是|甚麼|什麼|為什麼|為何|幾(?!乎)|誰|怎麼|多長|多遠|"
    r"なぜ|どう|どの|どこ|どれ|どんな|だれ|誰|いくつ|いくら|いつ|(?<!任)何(?=[がをにでのかも時年日月人]))"
)
_JOINT_CJK = re.compile(
    r"\s*(?:[，,；;](?:以及|还有|還有|并且|並且|同时|另外|此外|而且)?|以及|还有|還有|并且|並且|そして|また|(?P<and>和|与|與|及|、))\s*"
)
_ASK_CJK = re.compile(_ASKS_CJK)
# Only adverbs share what follows: "什么时候和在哪里出生", but not "是什么以及谁负责"
_ADVERB_CJK = r"[在于从由]?(?:什么时候|何时|何地|哪[里裡儿年天]|如何|怎么样?|为什么|为何|いつ|どこで?|なぜ)"
_PAIR_CJK = re.compile(rf"(?P<one>{_ADVERB_CJK})(?:和|与|與|以及|及|、)(?P<two>{_ADVERB_CJK})(?=\w)")
_EACH_CJK = re.compile(
    r"^(?P<head>[^，,；;？?]*的)?(?P<items>[^，,；;？?]*?[、和与與及][^，,；;？?的]*?)(?P<rest>(?:的[^，,；;？?]*?)?(?<!的)(?:分别|分別|各自|各)[^？?]*)$"
)
_ITEM_CJK = re.compile(r"、|以及|和|与|與|及")

_LIST = re.compile(
    r"^(?P<head>(?!(?:where|when|who|why|wo|wann|wer)\b).+\s(?:of|for|für|von|de|para|pour|для)\s)"
    r"(?P<items>[^,;?]{2,40}?(?:,\s[^,;?]{2,40}?)*,?\s(?:and|und|et|y|и)\s[^,;?]{2,40})$",
    re.I,
)
_ITEM = re.compile(r",?\s(?:and|und|et|y|и)\s|,\s", re.I)
# What is between, or common to, two things is one question
_TOGETHER = re.compile(
    r"\b(?:between|both|total|sum|difference|differ|compare|zwischen|Unterschied|entre|между)\b", re.I
)
_TOGETHER_CJK = re.compile("之间|之間|区别|區別|差别|差異|不同|比较|共同")
_LONGEST_ITEM = 4  # words
_DETERMINED = re.compile(r"(?:the|a|an|our|my|die|der|das|den|dem|les?|la|los|las|el)\s|.*\d", re.I)
_POINTS_BACK = re.compile(
    r"(?<!\w)(?:it|its|he|him|his|she|her|they|them|their|this|that|these|those|there|er|ihn|ihm|sein\w*|sie|ihr\w*|"
    r"es|diese\w*|il|elle|ils|elles|leur|él|ella|su|sus|он|она|оно|они|его|её|их)(?!\w)|[它他她其]|这[个种些]|那[个种些]",
    re.I,
)
_NAME = re.compile(r"(?<=\s)(?:[A-ZÀ-ÖØ-ÞА-Я0-9][\w.'’-]+)(?:\s[A-ZÀ-ÖØ-ÞА-Я0-9][\w.'’-]*)*")


@dataclass(frozen=True, slots=True)
class Part:
    """``text`` as it was asked, for the reader; ``asked`` stands alone, for the search."""

    text: str
    asked: str


def parts(question: str) -> tuple[Part, ...]:
    """The question's parts in order, at least one; one that is the whole question when nothing parts it."""
    before, asked = _sentences(question.strip())
    found = [piece for sentence in asked for piece in _split(sentence)]
    if len(found) < 2:
        return (Part(question.strip(), question.strip()),)
    if len(found) > MOST_PARTS:
        found = [*found[: MOST_PARTS - 1], " ".join(found[MOST_PARTS - 1 :])]
    mark = "？" if _CJK.search(question) else "؟" if re.search("[\u0600-\u06ff]", question) else "?"
    texts = [piece.strip(" ,;，；、。.") for piece in found]
    subject = _subject(before) or _subject(texts[0])
    return tuple(
        Part(_upper(text) + mark, _upper(_standing_alone(text, subject if i or before else "")) + mark)
        for i, text in enumerate(texts)
    )


def _sentences(question: str) -> tuple[str, list[str]]:
    """What only leads up to the questions, and the questions without their marks."""
    asked = [piece for piece in _QUESTION_END.split(question) if any(map(str.isalnum, piece))]
    before: list[str] = []
    found = []
    for piece in asked:
        *leading, last = [s for s in _SENTENCE_END.split(piece) if s.strip()]
        before += leading
        found.append(last)
    return " ".join(before), found


def _split(sentence: str) -> list[str]:
    pieces = _split_cjk(sentence) if _CJK.search(sentence) else _split_spaced(sentence)
    return [one for piece in pieces for one in _distributed(piece)]


def _split_spaced(sentence: str) -> list[str]:
    """Cut before each question word that "and" joins to a question, and before those that commas join to
    them; ", which" alone begins a relative clause.
    """
    joints = list(_JOINT.finditer(sentence))
    joined = [match.start() for match in joints if match["and"] or match["semicolon"]]
    pieces, start = [], 0
    for match in joints:
        if match["comma"] and not any(at > match.start() for at in joined):
            continue
        piece = sentence[start : match.start()]
        pair = _PAIR.search(sentence, start)
        if pair and pair.start() <= match.start() < pair.end():
            continue
        if _ASK.search(piece) or re.match(rf"\s*{_AUXILIARY}", piece, re.I):
            pieces.append(piece)
            start = match.end()
    return [*pieces, sentence[start:]]


def _split_cjk(sentence: str) -> list[str]:
    """Cut where both sides hold a question word and something that it asks about; "and" may also join two
    things, so there the question word must follow at once.
    """
    pieces, start = [], 0
    joints = list(_JOINT_CJK.finditer(sentence))
    for i, match in enumerate(joints):
        end = joints[i + 1].start() if match["and"] and i + 1 < len(joints) else len(sentence)
        after = sentence[match.end() : end]
        pair = _PAIR_CJK.search(sentence, start)
        if pair and pair.start() < match.start() < pair.end():
            continue
        if _asks_cjk(sentence[start : match.start()]) and _asks_cjk(after):
            pieces.append(sentence[start : match.start()])
            start = match.end()
    return [*pieces, sentence[start:]]


def _asks_cjk(piece: str) -> bool:
    return bool(_ASK_CJK.search(piece)) and bool(question_terms(piece))


def _distributed(piece: str) -> list[str]:
    """An enumeration, of question words or of what is asked about, as one question for each."""
    pair = (_PAIR_CJK if _CJK.search(piece) else _PAIR).search(piece)
    if pair:
        around = piece[: pair.start()], piece[pair.end() :]
        return [pair[name].join(around) for name in ("one", "two")]
    if _CJK.search(piece):
        each = None if _TOGETHER_CJK.search(piece) else _EACH_CJK.search(piece)
        if not each:
            return [piece]
        return [(each["head"] or "") + item + each["rest"] for item in _ITEM_CJK.split(each["items"])]
    listed = None if _TOGETHER.search(piece) else _LIST.search(piece)
    items = _ITEM.split(listed["items"]) if listed and _ASK.search(piece) else []
    if listed and items and _enumerated(items):
        return [listed["head"] + item for item in items]
    return [piece]


def _enumerated(items: list[str]) -> bool:
    """Things of a kind, not the name of one: "the Department of Trade and Industry" is one."""
    three = len(items) > 2
    return all(
        len(item.split()) <= _LONGEST_ITEM and (_DETERMINED.match(item) or (three and item[0].islower()))
        for item in items
    )


def _subject(text: str) -> str:
    """What the first part is about, for those that lean on it: its names, else its words."""
    if _CJK.search(text):
        return _ASK_CJK.split(text)[0]
    return " ".join(dict.fromkeys(_NAME.findall(text))) or _ASK.sub("", text).strip()


def _standing_alone(text: str, subject: str) -> str:
    """The part, with the subject before it where it points back or says little by itself."""
    fewest = FEWEST_BIGRAMS if _CJK.search(text) else FEWEST_TERMS
    leans = _POINTS_BACK.search(text) or len(question_terms(text)) < fewest
    return f"{subject} {text}" if subject and leans else text


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
