"""L0: a sentence that nearly repeats its evidence must not put another word in the place of one.

Sentence and evidence are aligned word by word (character by character in Han and Kana; Ratcliff and
Obershelp's matching blocks, from difflib). Where most of the sentence stands in one evidence sentence in the
same order, what stands at the same place tells what was changed: another name or number, although both may
be in the evidence; a denial put in or taken out, although the evidence denies something else; a direction
turned round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

from rag.check.comparison import opposed
from rag.check.negation import negations
from rag.check.numbers import quantities
from rag.text import HAN_KANA, fold

__all__ = ["Repetition", "Wording"]

# Share of the sentence's words in one evidence sentence, in order, from which places can be compared
NEAR = 0.6
# A denial alone takes so many words; more taken out in a row, or exchanged, are a clause that was left out
DENIAL, CLAUSE = 2, 6
# Words of which so much is the same are forms of one word
SAME_WORD = 0.75
_SAME_STEM = 4
_WORD = re.compile(rf"[{HAN_KANA}]|\d+(?:[.,:]\d+)*|[^\W\d_{HAN_KANA}]+(?:['’\-][^\W\d_{HAN_KANA}]+)*")
_CJK = re.compile(f"[{HAN_KANA}]")
_NUMERALS = frozenset("一二两兩三四五六七八九十百千万萬亿億零〇")
# Capitals at a sentence's beginning that name nobody
_OPENERS = frozenset(
    "yes no i he she it they we you also however although though when while if as since because then there "
    "this that these those in on at by for from to with of and but or so not".split()
)
# Characters that build sentences and name nothing
_PARTICLES = frozenset(
    "的地得了着过在是有和与及或也都就而但于以为被把将对向从到由这那其之所等个中上下里内外时后前并且则又还已曾会能可"
    "要须应该们它他她我你您共很更最非常因如若即使让给比同跟吧吗呢啊"
    "はがをにでとのもへやかられるたてしすまだなねよ"
)


class _Word(NamedTuple):
    text: str
    folded: str
    start: int
    end: int

    @property
    def named(self) -> bool:
        """Written with a capital, or holding a digit."""
        return self.text[0].isupper() or self.text[0].isdigit()


@dataclass(frozen=True, slots=True)
class Wording:
    """How a sentence is worded against the evidence sentence that it repeats most.

    ``share`` of its words stand there in the same order. ``exchanged`` are the words, with those of the
    evidence, that stand in each other's place and name something; ``denied`` tells that a denial was put in
    or taken out.
    """

    share: float
    exchanged: tuple[tuple[str, str], ...] = ()
    denied: bool = False


class _Aligned(NamedTuple):
    """The words of an evidence sentence beside those of the sentence."""

    words: list[_Word]
    matcher: SequenceMatcher[str]
    share: float


def _words(text: str) -> list[_Word]:
    return [_Word(m.group(), fold(m.group()), *m.span()) for m in _WORD.finditer(text)]


class Repetition:
    """Compares one sentence with sentences of the evidence; the words of each pair are aligned once."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._mine = _words(sentence)
        self._aligned: dict[str, _Aligned] = {}

    def share(self, evidence: Sequence[str]) -> float:
        """The largest share of the sentence's words that stand in one of the evidence sentences, in order."""
        return max((self._align(text).share for text in evidence), default=0.0)

    def nearest(self, evidence: Sequence[str]) -> Wording:
        """The wording against the nearest of the evidence sentences."""
        known = fold("\n".join(evidence))
        best = Wording(0.0)
        for text in evidence:
            found = self._compared(self._align(text), text, known)
            if found.share > best.share or (
                found.share == best.share and len(found.exchanged) < len(best.exchanged)
            ):
                best = found
        return best

    def _align(self, text: str) -> _Aligned:
        if text not in self._aligned:
            theirs = _words(text)
            matcher = SequenceMatcher(
                None, [w.folded for w in theirs], [w.folded for w in self._mine], autojunk=False
            )
            same = sum(block.size for block in matcher.get_matching_blocks())
            self._aligned[text] = _Aligned(theirs, matcher, same / len(self._mine) if self._mine else 0.0)
        return self._aligned[text]

    def _compared(self, aligned: _Aligned, text: str, known: str) -> Wording:
        mine, theirs = self._mine, aligned.words
        if aligned.share < NEAR:
            return Wording(aligned.share)
        exchanged: list[tuple[str, str]] = []
        denied = False
        for kind, i, j, k, m in aligned.matcher.get_opcodes():
            if kind == "equal":
                continue
            said, written = _cut(self._sentence, mine[k:m]), _cut(text, theirs[i:j])
            if j - i <= (DENIAL if kind == "delete" else CLAUSE) and bool(negations(said) % 2) != bool(
                negations(written) % 2
            ):
                denied = True
            same = _same_numbers(_cut(self._sentence, mine[k:m], 1), _cut(text, theirs[i:j], 1))
            new = [w for w in mine[k:m] if not (same and _numeral(w))]
            # where more is exchanged, a clause was left out
            if (kind == "replace" and j - i <= 2 * CLAUSE) and (
                opposed(_around(self._sentence, mine, k, m), _around(text, theirs, i, j))
                or _renamed(new, theirs[i:j])
            ):
                exchanged.append((said, written))
            exchanged += [(said, "")] * _added(new, known)
        return Wording(aligned.share, tuple(exchanged), denied)


def _added(words: Sequence[_Word], known: str) -> bool:
    """Whether two or more characters in a row that name something are nowhere in the evidence: Chinese names
    have no capitals that would show them.
    """
    run = ""
    for word in words:
        run = run + word.folded if _CJK.match(word.text) and _names(word) else ""
        if len(run) > 1 and run[-2:] not in known:
            return True
    return False


def _cut(text: str, words: Sequence[_Word], further: int = 0) -> str:
    return text[words[0].start : words[-1].end + further] if words else ""


def _around(text: str, words: Sequence[_Word], start: int, end: int) -> str:
    """The text of these words; in Han and Kana with the characters beside them: 前 is half of 以前."""
    if _CJK.match(words[start].text):
        start, end = max(0, start - 1), end + 1
    return _cut(text, words[start:end])


def _numeral(word: _Word) -> bool:
    return word.text in _NUMERALS or word.text[0].isdigit()


def _same_numbers(said: str, written: str) -> bool:
    """Whether both state numbers, and those of the first stand in the second, however they are written."""
    there = quantities(written)
    mine = quantities(said)
    return bool(mine) and all(any(q.values & known.values for known in there) for q in mine)


def _renamed(mine: Sequence[_Word], theirs: Sequence[_Word]) -> bool:
    """Whether words that stand in the place of others name something else."""
    mine_named = [w for w in mine if _names(w)]
    theirs_named = [w for w in theirs if _names(w)]
    new = [w for w in mine_named if not any(_same_word(w.folded, other.folded) for other in theirs_named)]
    return bool(new and theirs_named) and not all(_same_word(w.folded, new[0].folded) for w in theirs_named)


def _names(word: _Word) -> bool:
    if _CJK.match(word.text):
        return word.text not in _PARTICLES
    return word.named and re.split(r"['’]", word.folded)[0] not in _OPENERS


def _same_word(a: str, b: str) -> bool:
    if a == b:
        return True
    if _CJK.match(a) or _CJK.match(b) or a[0].isdigit() or b[0].isdigit():
        return False
    return a[:_SAME_STEM] == b[:_SAME_STEM] or SequenceMatcher(None, a, b).ratio() >= SAME_WORD
