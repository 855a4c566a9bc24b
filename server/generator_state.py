"""Whether the generator answers now."""

from __future__ import annotations

import httpx

from rag.settings import Settings

__all__ = ["generator_answers"]

TIMEOUT_S = 2.0


async def generator_answers(settings: Settings) -> bool:
    """Ask the generator for its models, as any OpenAI-compatible server answers. Never raises."""
    key = settings.generator.api_key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, headers=headers) as client:
            return (await client.get(f"{settings.generator_url.rstrip('/')}/models")).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
