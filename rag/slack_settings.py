"""The settings of the Slack bot, part of the tree in rag.settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rag.source_settings import Section

__all__ = ["SlackSettings"]


class SlackSettings(Section):
    """The bot in Slack; `citewell slack manifest` prints the app to make, `citewell slack check` tests it."""

    bot_token: str = Field("", description="Token of the app's bot (xoxb-…); empty: no bot.")
    app_token: str = Field(
        "", description="Token of the app (xapp-…) for Socket Mode, which needs no way in from the internet."
    )
    signing_secret: str = Field(
        "", description="The app's signing secret, for events over HTTP at /v1/slack/events."
    )
    api_url: str = Field(
        "https://slack.com/api/", pattern=r"^https?://\S+$", description="Base URL of Slack's Web API."
    )
    command: str = Field("/ask", pattern=r"^/[a-z0-9_-]+$", description="Name of the slash command.")
    follow_ups: bool = Field(
        True, description="Answer in threads that it has answered in without being mentioned again."
    )
    streaming: bool = Field(
        True, description="Stream with Slack's own methods; False edits a message as the answer grows."
    )
    outsiders: Literal["refuse", "public"] = Field(
        "refuse",
        description="Guests, people of other organisations and those without an account: refuse them, or "
        "answer from what everyone may read.",
    )
    public_channels: Literal["members", "everyone"] = Field(
        "members",
        description="Who is taken to read an answer in a public channel: its members of the moment, or "
        "anyone, so that only documents for everyone are used.",
    )
    most_members: int = Field(
        500, ge=1, description="In larger channels only documents that everyone may read are used."
    )
    rights_s: float = Field(60, ge=0, description="Seconds that Slack's word on people and members is kept.")
    answers_at_once: int = Field(4, ge=1, le=64, description="Answers that one server works on at once.")
    questions_per_hour: int = Field(60, ge=0, description="Questions of one person; 0: any number.")
    attempts: int = Field(5, ge=1, description="Tries of an answer that cannot be sent.")
    lease_s: float = Field(
        30, gt=0, description="Seconds after which another server goes on with the answers of one that died."
    )
    event_days: float = Field(
        7, gt=0, description="Days that the ids of Slack's events are remembered, so that none counts twice."
    )
    pace: float = Field(
        1, ge=0, description="Share of Slack's published rate limits to use; 0 heeds Retry-After only."
    )
    help_channel: str = Field(
        "",
        description="Id of the channel in which a person may be asked instead; empty: no such button.",
    )
    digest: str = Field(
        "0 9 * * 1",
        description="When administrators are sent the unanswered questions: a cron expression in UTC; "
        "empty: never.",
    )

    @property
    def enabled(self) -> bool:
        """Whether there is a bot, by one way in or the other."""
        return bool(self.bot_token and (self.app_token or self.signing_secret))
