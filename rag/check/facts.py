"""What the rules and the alignment both read of a sentence and its evidence: which of its numbers and names
are missing there, whether it alone denies, how it is worded beside the evidence's own sentences.

Each is found when it is first asked for, and once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.check.names import missing_names
from rag.check.negation import implies_denial, negations
from rag.check.numbers import missing_numbers
from rag.check.wording import Repetition
from rag.text import fold, sentences

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """``texts`` is all that a reader of the cited ``quotes`` sees (headings, neighbours); ``spoken`` is the
    language that sentence and evidence share, "" where they share none: words cannot be compared then.
    """

    sentence: str
    texts: Sequence[str]
    quotes: Sequence[str]
    spoken: str

    @cached_property
    def missing_numbers(self) -> list[str]:
        """Numbers of the sentence that do not stand in the texts."""
        return missing_numbers(self.sentence, self.texts)

    @cached_property
    def missing_names(self) -> list[str]:
        """Names of the sentence that do not stand in the texts."""
        return missing_names(self.sentence, self.texts, self.spoken)

    @cached_property
    def negations(self) -> int:
        """How often the sentence denies something."""
        return negations(self.sentence)

    @cached_property
    def denies(self) -> bool:
        """Whether the sentence denies something and no text does, nor says as much in a word of its own
        language: "lacks", where the sentence says 没有.
        """
        said = any(negations(text) or (not self.spoken and implies_denial(text)) for text in self.texts)
        return self.negations > 0 and not said

    def contrary(self, text: str) -> bool:
        """Whether either the sentence or the text denies, and not both; in different languages only where no
        other word of the text may say as much as a denial does.
        """
        other = negations(text) % 2 != self.negations % 2
        return other and bool(self.spoken or not self.negations or not implies_denial(text))

    @cached_property
    def repetition(self) -> Repetition:
        """Compares the sentence's wording."""
        return Repetition(self.sentence)

    @cached_property
    def lines(self) -> list[str]:
        """The sentences of the texts."""
        return _lines(self.texts)

    @cached_property
    def quoted_lines(self) -> list[str]:
        """The sentences of the quotes, then those of the texts that are not among them."""
        return list(dict.fromkeys((*_lines(self.quotes), *self.lines)))

    @cached_property
    def repeated(self) -> bool:
        """Whether the sentence is one of the texts, word for word."""
        return _bare(self.sentence) in {_bare(line) for line in self.lines}

    def parts(self) -> list[Facts]:
        """The facts of each sentence, where the text holds several."""
        spans = sentences(self.sentence)
        if len(spans) == 1:
            return [self]
        return [Facts(self.sentence[a:b], self.texts, self.quotes, self.spoken) for a, b in spans]


def _bare(sentence: str) -> str:
    return fold(sentence).strip(" .。!！\"“”'‘’「」")


def _lines(texts: Sequence[str]) -> list[str]:
    return [text[start:end] for text in texts for start, end in sentences(text)]
