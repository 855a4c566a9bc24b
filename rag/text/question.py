"""What a question asks for, apart from the words that only make it a question."""

from __future__ import annotations

import re
from typing import Literal

from rag.text.fold import fold, terms

__all__ = ["Expects", "expects", "fits", "question_terms"]

Expects = Literal["number", "date", ""]

# Words that ask, in folded form. Chinese and Japanese ones are cut out before bigrams are made of what is
# left.
_ASKING_CJK = re.compile(
    "请问|什么时候|什么|为什么|为何|多少|多久|多长|多大|多高|多远|哪些|哪个|哪一|哪里|哪儿|哪|"
    "何时|何地|何处|几个|几|谁|怎么样|怎么|怎样|如何|是否|能否|可否|有没有|是不是|吗|呢|吧|告诉我|"
    "なぜ|どうして|どうやって|どのように|どのくらい|どれくらい|どの|どこ|どれ|どんな|だれ|いくつ|いくら|いつ|"
    "何ですか|ですか|ますか|でしょうか|ください|何"
)
_ASKING = frozenset(
    "what which who whom whose when where why how is are was were be been do does did has have had can "
    "could will would should shall may many much long often the a an of in on at to for from by with "
    "and or it its this that there i we you my our your please tell me about was wer wen wem wessen "
    "welche welcher welches welchen wann wo wohin woher warum wieso wie viel viele lange oft ist sind "
    "war waren hat haben kann können muss müssen darf dürfen wird werden der die das den dem des ein "
    "eine einer einem einen und oder in im an am auf zu zum zur für von vom bei mit ich wir sie es "
    "mein meine unser unsere bitte "
    "que quoi quel quelle quels quelles qui quand où pourquoi comment combien est sont le la les un "
    "une des du de et à au aux qué cuál cuáles quién cuándo dónde cuánto cuántos cuántas cómo por es "
    "son el los las una y en "
    "что какой какая какое какие кто когда где почему зачем как сколько ли в на и с по из от к у за "
    "для это был была были "
    "ما ماذا من متى أين لماذا كيف كم هل في على إلى عن هو هي".split()
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|long|old|far|high|big|large|often|fast)\b|"
    r"\bwhat (?:percentage|percent|number|amount|price|fee|cost)\b|"
    r"\bwie (?:viele?|lange|hoch|oft|gro[sß]+|weit|alt)\b|\bcombien\b|\bcuánt[oa]s?\b|\bсколько\b|\bكم\b|"
    r"多少|几[个天年月次名人位种条]|多长|多久|多大|多高|多远|百分之几|いくつ|いくら|何[人個年日回円%％時歳]|どのくらい|どれくらい"
)
_DATE = re.compile(
    r"\bwhen\b|\bwhat (?:year|date|day|month|time)\b|\bwhich year\b|"
    r"\bwann\b|\bwelche[msn]? (?:jahr|datum|tag)\b|\bquand\b|\bcuándo\b|"
    r"\bкогда\b|\bв каком году\b|\bمتى\b|什么时候|何时|哪一?年|哪一?天|几月|几号|哪一?月|いつ|何年|何月"
)
_NUMERAL = re.compile(
    r"\d|[一二三四五六七八九十百千万亿两半]|[٠-٩]|"
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|half|zwei|drei|vier)\b",
    re.I,
)
_DATED = re.compile(
    r"\d{4}|\d+\s*[月日号年]|\d{1,2}[./-]\d|[一二三四五六七八九十]+[月日号年]|世纪|century|Jahrhundert", re.I
)


def question_terms(question: str) -> list[str]:
    """The question's index terms without those that only ask, each once, in order."""
    content = _ASKING_CJK.sub(" ", fold(question))
    return list(dict.fromkeys(term for term in terms(content) if term not in _ASKING))


def expects(question: str) -> Expects:
    """Whether the answer must hold a number or a date, as far as the question's words tell; else ""."""
    folded = fold(question)
    if _DATE.search(folded):
        return "date"
    return "number" if _NUMBER.search(folded) else ""


def fits(wanted: Expects, sentence: str) -> float:
    """1 when a number or date is asked for and stands here, -1 when it is missing, 0 when none is asked."""
    if not wanted:
        return 0.0
    pattern = _NUMERAL if wanted == "number" else _DATED
    return 1.0 if pattern.search(sentence) else -1.0
