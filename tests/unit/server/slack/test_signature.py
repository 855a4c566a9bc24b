from __future__ import annotations

import hashlib
import hmac

import pytest

from server.slack.signature import Signatures


def signed(secret: str, stamp: int, body: bytes) -> dict[str, str]:
    made = hmac.new(secret.encode(), b"v0:%d:%s" % (stamp, body), hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": str(stamp), "x-slack-signature": f"v0={made}"}


def test_slacks_own_example_is_accepted() -> None:
    """The worked example of Slack's page on verifying requests."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    assert Signatures("8f742231b10e8888abcd99yyyzzz85a5").accepts(headers, body, 1531420620.0)


@pytest.mark.parametrize(
    ("off_s", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_a_request_is_good_for_five_minutes(off_s: int, accepted: bool) -> None:
    now = 1_800_000_000
    assert Signatures("s").accepts(signed("s", now + off_s, b"{}"), b"{}", float(now)) is accepted
