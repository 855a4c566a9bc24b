"""A stand-in for Slack's servers, written to what Slack publishes: the Web API as far as the bot uses it,
with its checks and rate limits, Socket Mode over a websocket, and signed requests that are sent again when
nobody acknowledges them. Unmodified clients run against it.

(https://docs.slack.dev/reference/methods, /apis/web-api/rate-limits, /apis/events-api,
/apis/events-api/using-socket-mode, /authentication/verifying-requests-from-slack)
"""

from tests.fakes.slack.standin import Slack
from tests.fakes.slack.workspace import APP_TOKEN, BOT, BOT_TOKEN, SECRET, TEAM, Message, Workspace

__all__ = ["APP_TOKEN", "BOT", "BOT_TOKEN", "SECRET", "TEAM", "Message", "Slack", "Workspace"]
