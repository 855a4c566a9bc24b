"""How fast the generator that is running reads and writes, by itself.

    citewell model serve      (in another terminal; CITEWELL_GENERATOR__MODEL chooses the model)
    python tests/bench/generator.py

Prints the time to the first token for a prompt of about 220 tokens, new and with its beginning seen before,
and the tokens written in a second. The median of five runs each."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import uuid

from rag.models.chat import Chat
from rag.models.protocols import TokenChunk
from rag.settings import load_settings

RUNS = 5
WRITTEN = 48
SENTENCES = "A lost device must be reported to the service desk within {} hours of its discovery. "


def _prompt(salt: str) -> str:
    return f"Case {salt}. " + "".join(SENTENCES.format(n) for n in range(10)) + "\nTell it all again."


async def _run(chat: Chat, prompt: str) -> tuple[float, float, int]:
    """Seconds to the first token, tokens a second after it, tokens of the prompt."""
    begin = time.perf_counter()
    first = last = 0.0
    written = prompt_tokens = 0
    async for item in chat.stream([{"role": "user", "content": prompt}], max_tokens=WRITTEN):
        if isinstance(item, TokenChunk):
            last = time.perf_counter()
            first = first or last
            written += item.tokens
        else:
            prompt_tokens = item.prompt_tokens
    return first - begin, (written - 1) / max(last - first, 1e-9), prompt_tokens


async def _measure() -> dict[str, object]:
    chat = Chat(load_settings())
    try:
        new, seen = [], []
        for _ in range(RUNS):
            prompt = _prompt(uuid.uuid4().hex)
            new.append(await _run(chat, prompt))
            seen.append(await _run(chat, prompt))
        return {
            "model": (await chat.model_info()).name,
            "prompt_tokens": new[0][2],
            "first_token_s_new": round(statistics.median(run[0] for run in new), 2),
            "first_token_s_seen": round(statistics.median(run[0] for run in seen), 2),
            "tokens_per_s": round(statistics.median(run[1] for run in new), 1),
        }
    finally:
        await chat.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure())))
