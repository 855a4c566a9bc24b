"""An assistant with known answers and no models: same interface, same types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from rag.assistant import Assistant
from rag.check import Local
from rag.errors import CitewellError, QuestionError
from rag.index.snapshot import Progress
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.settings import Settings
from rag.timer import Watch, unwatched
from rag.types import (
    Answer,
    AnswerVerdict,
    Chunk,
    Citation,
    Claim,
    ClaimVerdict,
    DocumentRef,
    Event,
    Evidence,
    EvidenceFound,
    Finished,
    Hit,
    ModelInfo,
    SentenceChecked,
    Turn,
    User,
)
from tests.fakes.embedder import HashingEmbedder

QUOTE = "设备出现E55时，立即关闭进水阀。"
DOCUMENT = DocumentRef("d1", "service/HS-900维护手册.docx", "HS-900维护手册", "zh", 1.0)
CITATION = Citation(
    1, "d1", DOCUMENT.title, DOCUMENT.source, 3, ("第二章", "报警"), QUOTE, 10, 10 + len(QUOTE)
)
SENTENCES = ("立即关闭进水阀[1]。", "Then call the service desk [1].")


def answer_to(question: str) -> Answer:
    text = " ".join(SENTENCES)
    claims = []
    for sentence in SENTENCES:
        start = text.index(sentence)
        claims.append(
            Claim(
                sentence,
                start,
                start + len(sentence),
                ClaimVerdict.SUPPORTED,
                0.9,
                (1,),
                {"cover": 0.8, "l0": True},
            )
        )
    return Answer(
        question=question,
        answer=text,
        verdict=AnswerVerdict.SUPPORTED,
        claims=tuple(claims),
        citations=(CITATION,),
        language="zh",
        model=ModelInfo("tiny", "r1", "Apache-2.0"),
        usage={"prompt_tokens": 3},
        timings_ms={"retrieve": 1.5, "total": 2.0},
        standalone_question=question,
    )


def nothing_found(question: str) -> Answer:
    return Answer(
        question=question,
        answer="The documents do not say.",
        verdict=AnswerVerdict.INSUFFICIENT_CONTEXT,
        claims=(),
        citations=(),
        language="en",
        model=None,
        usage={},
        timings_ms={},
        nearest=(DOCUMENT,),
        notices=("No generator answers; only quotes are shown.",),
        standalone_question=question,
    )


class FakeAssistant(Assistant):
    """``error`` is raised by every call, in ``stream`` after the first sentence.

    ``hold`` keeps a stream waiting after its first sentence, and ``ask`` before its answer, until it is set.
    """

    def __init__(self, error: Exception | None = None, hold: asyncio.Event | None = None) -> None:
        self.watch: Watch = unwatched
        self.error = error
        self.hold = hold
        self.asked: list[tuple[str, tuple[Turn, ...], User]] = []
        self.streams_closed = 0
        self.cancelled = 0
        self.closed = 0
        self.configured: list[Settings] = []
        self.settled = 0

    def settle(self, told: Progress | None = None) -> None:
        self.settled += 1

    @property
    def indexed(self) -> int:
        return 1

    @property
    def models(self) -> tuple[EmbedderProtocol, ChatProtocol | None]:
        return HashingEmbedder(), None

    @property
    def local(self) -> dict[str, Local]:
        return {}

    def _check(self, question: str) -> None:
        if not question.strip():
            raise QuestionError("The question is empty.", "Type a question.")

    async def search(self, question: str, *, k: int, user: User) -> list[Hit]:
        self._check(question)
        if self.error:
            raise self.error
        chunk = Chunk("d1", 0, QUOTE, 10, 10 + len(QUOTE), ((10, 10 + len(QUOTE)),), 3, ("第二章",), id=7)
        return [Hit(chunk, DOCUMENT, 0.5 / (i + 1), 0.9, None, 0.7) for i in range(min(k, 3))]

    async def ask(self, question: str, *, user: User, history: Sequence[Turn] = ()) -> Answer:
        self._check(question)
        self.asked.append((question, tuple(history), user))
        if self.error:
            raise self.error
        try:
            if self.hold:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self._told(nothing_found(question) if "unanswerable" in question else answer_to(question))

    def _told(self, answer: Answer) -> Answer:
        self.watch(answer, ())
        return answer

    async def stream(
        self, question: str, *, user: User, history: Sequence[Turn] = ()
    ) -> AsyncIterator[Event]:
        try:
            self._check(question)
            self.asked.append((question, tuple(history), user))
            if "unanswerable" in question:
                yield EvidenceFound(())
                yield Finished(self._told(nothing_found(question)))
                return
            yield EvidenceFound((Evidence(1, DOCUMENT, QUOTE, 10, 10 + len(QUOTE), 0.9, 3, ("第二章",)),))
            answer = answer_to(question)
            yield SentenceChecked(answer.claims[0], answer.citations)
            if self.error:
                raise self.error
            if self.hold:
                await self.hold.wait()
            yield SentenceChecked(answer.claims[1], ())
            yield Finished(self._told(answer))
        finally:
            self.streams_closed += 1

    def configure(self, settings: Settings) -> None:
        self.configured.append(settings)

    async def close(self) -> None:
        self.closed += 1


def failing(message: str, remedy: str, kind: type[CitewellError]) -> FakeAssistant:
    return FakeAssistant(kind(message, remedy))
