"""The answer path, in order: condense -> parts -> (retrieve -> supersede -> rerank -> scope -> evidence ->
answerable -> reading, for each part) -> generate -> check -> cite -> disagree -> complete; what follows the
evidence is called in rag.answering.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from rag.access import access_scope
from rag.answering import Answering
from rag.changed_settings import read_changes, with_changes
from rag.check import Local, local_layers
from rag.computing import computed
from rag.condense import condense
from rag.found import Sought, gathered, judged
from rag.index.dense import DenseIndex
from rag.index.snapshot import Progress
from rag.models.catalogue import parameters_of
from rag.models.passes import Memory, Remembering
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.parts import Part, parts
from rag.question import valid_question
from rag.reading import read
from rag.rerank import rerank
from rag.retrieve import look_up, retrieve
from rag.scope import Topics
from rag.searcher import Searcher
from rag.settings import Settings
from rag.store import Store
from rag.supersede import supersede
from rag.timer import Timer, Watch, unwatched
from rag.types import Answer, Event, Finished, Hit, Query, Turn, User

if TYPE_CHECKING:
    from rag.models.chat import Chat

__all__ = ["Assistant"]


class Assistant:
    """Answers questions from the documents of one home. One instance serves any number of askers at once."""

    def __init__(
        self, settings: Settings, store: Store, searcher: Searcher, chat: ChatProtocol | None
    ) -> None:
        self._store = store
        self._searcher = searcher
        self._chat = chat
        self._client: Chat | None = None  # what is closed with it
        self.watch: Watch = unwatched
        self._memory = Memory()
        self._local = local_layers(settings)
        self.configure(settings)

    @classmethod
    def open(cls, settings: Settings) -> Assistant:
        """Open database, index and embedder (seconds); the generator is looked for when a question comes."""
        store = Store.open(settings)
        searcher = Searcher.open(settings, store)
        client = None
        if settings.generator.enabled:
            from rag.models.chat import Chat  # its library takes half a second to import: not for a search

            client = Chat(settings)
        opened = cls(with_changes(settings, read_changes(store)), store, searcher, client)
        opened._client = client
        return opened

    def settle(self, told: Progress | None = None) -> None:
        """See rag.searcher.Searcher.settle; a server does it by itself, beside its answers."""
        self._searcher.settle(told)

    def configure(self, settings: Settings) -> None:
        """Answer with other settings from the next question on; models and layers stay as they are."""
        parameters = parameters_of(settings.generator.model) if self._chat is not None else 0
        self._settings = settings.model_copy(update={"answer": settings.answer.sized(parameters)})
        self._allowed = Topics(settings.topics.allowed)
        self._blocked = Topics(settings.topics.blocked)

    @property
    def settings(self) -> Settings:
        """Those that answers are given with now."""
        return self._settings

    @property
    def store(self) -> Store:
        """The database behind the answers."""
        return self._store

    @property
    def indexed(self) -> int:
        """How many passages the index holds that answers now."""
        return self._searcher.pair()[1].size

    async def close(self) -> None:
        """Give everything back."""
        if self._client is not None:
            await self._client.close()
        self._store.close()

    async def generator_ready(self) -> bool:
        """Whether drafts can be had now; without, answers are quotes."""
        return self._chat is not None and await self._chat.ready()

    @property
    def models(self) -> tuple[EmbedderProtocol, ChatProtocol | None]:
        """The embedder that answers now, and the generator if one is to be asked."""
        return self._searcher.pair()[0], self._chat

    @property
    def local(self) -> Mapping[str, Local]:
        """The check's layers that read a model in this process, opened when first asked."""
        return self._local

    async def search(self, question: str, *, k: int, user: User) -> list[Hit]:
        """The ``k`` best passages that the user may read. Raises QuestionError."""
        return await computed(self.find, question, k=k, user=user)

    def find(self, question: str, *, k: int, user: User) -> list[Hit]:
        """Like search, for callers without an event loop."""
        asked = valid_question(question, self._settings.answer.max_question_chars)
        return self._find(self._searcher.pair(), asked, user, k, Timer())[1]

    async def ask(self, question: str, *, user: User, history: Sequence[Turn] = ()) -> Answer:
        """The whole, checked answer. Raises QuestionError."""
        async with aclosing(self.stream(question, user=user, history=history)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.answer
        raise AssertionError("a stream ends with Finished")

    async def stream(
        self, question: str, *, user: User, history: Sequence[Turn] = ()
    ) -> AsyncGenerator[Event, None]:
        """EvidenceFound, SentenceChecked for each sentence after its check, Finished. Closing it stops the
        generator.

        A document that is deleted, or closed to the user, meanwhile is in no event from then on; what was
        sent before and rests on it is not in the finished answer.
        """
        asked = valid_question(question, self._settings.answer.max_question_chars)
        timer = Timer()
        with timer.step("condense"):
            chat = self._chat.within(access_scope(user)) if self._chat and await self._chat.ready() else None
            standalone = await condense(asked, history, chat)
        # one embedder throughout: the collection may move to another while this question is answered
        embedder, index = self._searcher.pair()
        pair = Remembering(embedder, self._memory, access_scope(user)), index
        sought = [await computed(self._sought, pair, part, user, timer) for part in parts(standalone)]
        query = sought[0].query
        if len(sought) > 1:
            query = await computed(look_up, standalone, self._store, pair[0])
        with timer.step("evidence"):
            sought = await computed(judged, sought, self._settings.answer, self._store, user, pair[0])
        with timer.step("read"):
            sought = await read(sought, chat, self._settings.answer)
        with timer.step("evidence"):
            found = await computed(gathered, sought, self._settings.answer, pair[0])
        answering = Answering(query, found, self._settings, self._store, user, timer, self._local)
        yield await answering.found()
        async with aclosing(answering.sentences(chat, pair[0])) as sentences:
            async for sentence in sentences:
                yield sentence
        finished = await answering.finished(asked, standalone, pair[0])
        self.watch(finished.answer, timer.steps)
        yield finished

    def _find(
        self, pair: tuple[EmbedderProtocol, DenseIndex], question: str, user: User, k: int, timer: Timer
    ) -> tuple[Query, list[Hit]]:
        embedder, index = pair
        query, hits = retrieve(question, self._store, embedder, index, user, self._settings.retrieve, timer)
        with timer.step("supersede"):
            hits = supersede(query, hits, self._store, user)
        with timer.step("rerank"):
            return query, rerank(query, hits, self._store, index, embedder, k)

    def _sought(
        self, pair: tuple[EmbedderProtocol, DenseIndex], part: Part, user: User, timer: Timer
    ) -> Sought:
        query, hits = self._find(pair, part.asked, user, self._settings.retrieve.hits, timer)
        centre = pair[1].geometry.centre(query.language, len(query.vector))
        allowed, blocked = (t.match(query, pair[0], centre) for t in (self._allowed, self._blocked))
        return Sought(part.text, query, hits, allowed=allowed, blocked=blocked)
