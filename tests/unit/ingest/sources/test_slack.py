import json
from datetime import datetime

import pytest

from ingest.source import Failure
from ingest.sources.slack_message import Names, read_message
from rag.errors import SettingsError, SourceUnavailableError

USERS = [
    {
        "id": "U1",
        "name": "anna",
        "real_name": "Anna Kim",
        "profile": {"display_name": "", "real_name": "Anna Kim"},
    },
    {"id": "U2", "name": "wang", "profile": {"display_name": "王伟"}},
]


def at(day, clock):
    return datetime.fromisoformat(f"2024-01-{day:02}T{clock}:00+00:00").timestamp()


def says(user, day, clock, text, thread=None, **more):
    message = {"type": "message", "user": user, "text": text, "ts": f"{at(day, clock):.6f}"}
    return message | ({"thread_ts": f"{thread:.6f}"} if thread else {}) | more


def export(**files):
    root = at(5, "10:30")
    content = {
        "users.json": USERS,
        "channels.json": [
            {"id": "C1", "name": "general", "members": ["U1", "U2"]},
            {"id": "C2", "name": "产品"},
        ],
        "groups.json": [{"id": "G1", "name": "leads"}],
        "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
        "mpims.json": [{"id": "G2", "name": "mpdm-anna--wang-1", "members": ["U1", "U2"]}],
        "general/2024-01-05.json": [
            says("U1", 5, "09:00", "<@U2> has joined the channel", subtype="channel_join"),
            says("U1", 5, "09:05", "Good morning &amp; *welcome*, <@U2>"),
            says("U2", 5, "09:07", "早上好！", files=[{"name": "plan.pdf", "title": "Plan"}]),
            says(
                "U1", 5, "10:30", "Can we move the <https://ci.example/deploy|deploy> to Friday?", thread=root
            ),
            says("U1", 5, "11:00", "Lunch?"),
        ],
        "general/2024-01-06.json": [
            says("U2", 6, "08:00", "Yes, at 3 pm:\n```make deploy\n  <now>```", thread=root),
            says("U1", 6, "08:30", "Thanks."),
        ],
        "产品/2024-01-06.json": [says("U2", 6, "23:30", "新版本")],
        "leads/2024-01-05.json": [says("U1", 5, "09:00", "Budget is cut.")],
        "D1/2024-01-05.json": [says("U1", 5, "09:00", "Just us.")],
        "mpdm-anna--wang-1/2024-01-05.json": [says("U1", 5, "09:00", "Three of us.")],
        **files,
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in content.items()}


@pytest.mark.parametrize("shape", ["zip", "unpacked"])
def test_a_day_of_a_channel_is_a_page_with_its_threads_whole(exports, shape):
    exports.sync("slack", getattr(exports, shape)(export()))
    assert exports.failures == []
    assert {uri: (file.path, file.title, file.modified) for uri, file in exports.files.items()} == {
        "slack:team/C1/2024-01-05": (
            "public/#general/2024-01-05.html", "#general 2024-01-05", at(6, "08:00")
        ),
        "slack:team/C1/2024-01-06": (
            "public/#general/2024-01-06.html", "#general 2024-01-06", at(6, "08:30")
        ),
        "slack:team/C2/2024-01-06": ("public/#产品/2024-01-06.html", "#产品 2024-01-06", at(6, "23:30")),
    }  # fmt: skip
    assert exports.fetched["slack:team/C1/2024-01-05"].data.decode() == "\n".join(
        [
            '<html><head><meta charset="utf-8"><title>#general 2024-01-05</title></head><body>',
            "<h1>#general 2024-01-05</h1>",
            "<h2>09:05</h2>",
            "<p>Anna Kim (09:05): Good morning &amp; welcome, @王伟</p>",
            "<p>王伟 (09:07): 早上好！<br>[Plan]</p>",
            "<h2>Anna Kim: Can we move the deploy (https://ci.example/deploy) to Friday?</h2>",
            "<p>Anna Kim (10:30): Can we move the deploy (https://ci.example/deploy) to Friday?</p>",
            "<p>王伟 (08:00): Yes, at 3 pm:</p>",
            "<pre>make deploy\n  now</pre>",
            "<h2>11:00</h2>",
            "<p>Anna Kim (11:00): Lunch?</p>",
            "</body></html>",
        ]
    )
    assert [len(fetched.data) for fetched in exports.fetched.values()] == [
        file.size for file in exports.files.values()
    ]


def test_only_days_that_changed_are_made_again(exports):
    exports.sync("slack", exports.zip(export()))
    exports.sync("slack", exports.zip(export()))
    assert exports.fetched == {}
    late = [says("U2", 7, "09:00", "Done.", thread=at(5, "10:30")), says("U1", 7, "09:01", "New day.")]
    exports.sync("slack", exports.zip(export(**{"general/2024-01-07.json": late})))
    assert set(exports.fetched) == {"slack:team/C1/2024-01-05", "slack:team/C1/2024-01-07"}
    first = exports.fetched["slack:team/C1/2024-01-05"].data.decode()
    assert "王伟 (09:00): Done." in first
    assert "New day" not in first


def test_replies_whose_beginning_is_not_in_the_export(exports):
    reply = says("U2", 6, "09:00", "So be it.", thread=at(1, "09:00"))
    exports.sync("slack", exports.zip(export(**{"general/2024-01-06.json": [reply]})))
    page = exports.fetched["slack:team/C1/2024-01-01"].data.decode()
    assert "<p>王伟 (09:00): So be it.</p>" in page
    assert "So be it" not in exports.fetched["slack:team/C1/2024-01-05"].data.decode()


def test_private_conversations_need_groups(exports):
    path = exports.zip(export())
    options = {"private_groups": "leads, board", "direct_groups": "audit"}
    exports.sync("slack", path, options=options)
    assert {file.path: file.groups for file in exports.files.values()} == {
        "public/#general/2024-01-05.html": (),
        "public/#general/2024-01-06.html": (),
        "public/#产品/2024-01-06.html": (),
        "private/#leads/2024-01-05.html": ("leads", "board"),
        "direct/Anna Kim, 王伟/2024-01-05.html": ("audit",),
    }
    assert {uri.split("/")[1] for uri in exports.files} == {"C1", "C2", "G1", "G2", "D1"}
    hidden = [{"id": "C1", "name": "general", "is_private": True}, {"id": "C2", "name": "产品"}]
    exports.sync("slack", exports.zip(export(**{"channels.json": hidden})))
    assert {uri.split("/")[1] for uri in exports.files} == {"C2"}


def test_a_conversation_in_no_list_is_never_public(exports):
    exports.sync("slack", exports.zip(export(**{"secret/2024-01-05.json": [says("U1", 5, "09:00", "x")]})))
    assert exports.failures == [
        Failure(
            "slack:team/secret",
            "no list of the export names this conversation, so nobody knows who may read it",
        )
    ]
    assert {uri.split("/")[1] for uri in exports.files} == {"C1", "C2"}


def test_a_damaged_day_leaves_the_channel_there(exports):
    exports.sync("slack", exports.zip(export(**{"general/2024-01-06.json": "[{"})))
    assert exports.failures[0].source == "slack:team/C1"
    assert exports.failures[0].error.startswith("2024-01-06.json: it is not JSON: ")
    assert set(exports.files) == {"slack:team/C1/2024-01-05", "slack:team/C2/2024-01-06"}
    with pytest.raises(SourceUnavailableError, match=r"channels\.json of .* cannot be read: it is no list"):
        exports.sync("slack", exports.zip(export(**{"channels.json": "{}"})))
    with pytest.raises(SourceUnavailableError, match=r"is no Slack export: there is no channels\.json"):
        exports.sync("slack", exports.zip({"a.txt": "x"}))


def test_days_are_those_of_the_time_zone(exports):
    path = exports.zip({f"wrapped/{name}": content for name, content in export().items()})
    exports.sync("slack", path, options={"timezone": "Asia/Shanghai"})
    assert set(exports.files) == {
        "slack:team/C1/2024-01-05",
        "slack:team/C1/2024-01-06",
        "slack:team/C2/2024-01-07",
    }
    assert b"(07:30): " in exports.fetched["slack:team/C2/2024-01-07"].data
    with pytest.raises(SettingsError, match=r"option timezone: Value error, 'Mars' is no time zone"):
        exports.sync("slack", path, options={"timezone": "Mars"})


BRANCH = {"title": "Branch", "value": "main"}


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            {"text": "a <#C1|general> <#C9> <!here> <!subteam^S1|@ops> <mailto:a@b.c|a@b.c>"},
            "a #general #C9 @here @ops a@b.c",
        ),
        (
            {"text": "<http://x.y> <http://x.y|x.y> &lt;b&gt; 2 * 3 * 4 _so_ snake_case_name"},
            "http://x.y http://x.y <b> 2 * 3 * 4 so snake_case_name",
        ),
        (
            {"text": "", "attachments": [{"title": "Build", "text": "failed", "fields": [BRANCH]}]},
            "Build\nfailed\nBranch: main",
        ),
        ({"text": "", "attachments": [{"fallback": "chart"}]}, "chart"),
        ({"text": "  "}, None),
        ({"text": "x", "subtype": "channel_topic"}, None),
        ({"text": "x", "type": "event"}, None),
        ({"text": "x", "ts": "soon"}, None),
    ],
)  # fmt: skip
def test_what_a_message_says(entry, text):
    message = read_message({"ts": "1.5", "user": "U1"} | entry, Names({"U1": "Anna"}, {"C1": "#general"}))
    assert (message and message.text) == text


@pytest.mark.parametrize(
    ("entry", "author"),
    [
        ({"user": "U1"}, "Anna"),
        ({"user": "U9", "user_profile": {"real_name": "Guest"}}, "Guest"),
        ({"bot_id": "B1", "username": "ci"}, "ci"),
        ({"user": "U9"}, "U9"),
        ({}, "bot"),
    ],
)
def test_who_says_it(entry, author):
    message = read_message({"ts": "1.5", "text": "x"} | entry, Names({"U1": "Anna"}, {}))
    assert message.author == author
