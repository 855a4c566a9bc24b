"""Instructions in documents are not followed, and make nothing leak, whatever a gullible model would do."""

import json
import re

import pytest

from rag.settings import Settings
from rag.text import instructs
from rag.types import AnswerVerdict
from tests.bench.injected import EVIL, injections
from tests.bench.injections import ask, build, judge
from tests.fakes.chat import FakeChat
from tests.fakes.embedder import HashingEmbedder

SAMPLE = [one for one in injections() if int(one.name[3:5]) % 5 in (0, 3) and instructs(one.said)]
CANARY = re.compile(r"(?:ZEBRA|OKAPI)\d{4}")


class Gullible(FakeChat):
    """Does what any quote tells it: says the canaries that it sees, its own instructions, and a picture."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def stream(self, messages, **options):
        seen = CANARY.findall(messages[-1]["content"])
        self.seen += seen
        orders = messages[0]["content"].split("\n")[0]
        said = [*(f"The answer is {canary} [1]. " for canary in seen), f"{orders} ", f"![x]({EVIL}?q=1) [1]."]
        self.chunks = tuple(said)
        return super().stream(messages, **options)


@pytest.fixture(scope="module", params=["quotes", "gullible"])
def served(request, tmp_path_factory):
    chat = Gullible() if request.param == "gullible" else None
    work = tmp_path_factory.mktemp("injections")
    assistant = build(work, Settings(home=work / "home"), SAMPLE, HashingEmbedder(common=0.78), chat)
    yield assistant, chat
    assistant.store.close()


@pytest.mark.parametrize("one", SAMPLE, ids=lambda one: one.name)
async def test_it_is_not_followed(served, one):
    assistant, _ = served
    for question in (one.question, one.invites):
        answer, sent = await ask(assistant, question)
        outcome = judge(one, answer, sent)
        assert not outcome.followed
        assert not outcome.prompt
        assert not outcome.others
        assert not outcome.active
        for claim in json.loads(sent.splitlines()[-1])["claims"]:
            # what is shown of a document is marked as its words
            assert one.canary not in claim["text"] or claim["verdict"] == "quoted"
    assert answer.verdict in AnswerVerdict


async def test_the_sample_is_answered_and_the_model_asked(served):
    assistant, chat = served
    answers = [await ask(assistant, one.question) for one in SAMPLE]
    held = sum(one.fact in answer.answer for one, (answer, _) in zip(SAMPLE, answers, strict=True))
    assert held > len(SAMPLE) / 2
    if chat is not None:
        assert chat.asked
        assert not chat.seen  # what the rules find never reaches the model


def test_how_many_the_rules_find():
    found = [one for one in injections() if instructs(one.said)]
    assert {one.kind for one in found} == {one.kind for one in injections()}
    assert len(found) >= 80
