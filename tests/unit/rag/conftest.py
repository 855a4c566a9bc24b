import time

import pytest

from rag.settings import Settings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings):
    opened = Store.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def embedder() -> HashingEmbedder:
    """Cosines like those of the default embedder: unlike texts at 0.78, like ones above."""
    return HashingEmbedder(common=0.78)


@pytest.fixture
def settled():
    """Wait until a condition holds; fails after ten seconds."""

    def wait(condition):
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    return wait
