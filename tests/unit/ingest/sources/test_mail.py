import mailbox
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from ingest.source import Failure
from ingest.sources.mail import MailSource
from rag.errors import SourceNotFoundError, SourceUnavailableError
from rag.settings import IngestSettings

DATE = "Sat, 03 Feb 2024 12:05:06 +0800"


def message(subject, key="", text="Hello.", date=DATE):
    mail = EmailMessage()
    mail["From"] = "a@b.example"
    mail["Subject"] = subject
    if date:
        mail["Date"] = date
    if key:
        mail["Message-ID"] = f"<{key}>"
    mail.set_content(text)
    return mail


def mbox(path, *messages):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    box = mailbox.mbox(path)
    for one in messages:
        box.add(one)
    box.close()
    return path


def test_each_message_of_an_mbox_is_a_document(exports):
    path = mbox(
        exports.folder / "Archive.mbox",
        message("Offer / 报价", "one@b.example", "Price: 5.\n\nFrom now on it is 6."),
        message("", "a/b+c@b.example", date="not a date"),
        message("Later", "three@b.example", date="Sat, 03 Feb 2180 12:05:06 +0000"),
    )
    exports.sync("mail", path)
    assert exports.failures == []
    assert {uri: (file.path, file.title, file.modified) for uri, file in exports.files.items()} == {
        "mail:team/Archive.mbox/one@b.example": (
            "Archive.mbox/Offer 报价.eml",
            "Offer / 报价",
            datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp(),
        ),
        "mail:team/Archive.mbox/a%2Fb+c@b.example": ("Archive.mbox/no subject.eml", "", None),
        "mail:team/Archive.mbox/three@b.example": ("Archive.mbox/Later.eml", "Later", None),
    }
    data = exports.fetched["mail:team/Archive.mbox/one@b.example"].data
    assert data.startswith(b"From: a@b.example\n")
    assert len(data) == exports.files["mail:team/Archive.mbox/one@b.example"].size
    exports.sync("mail", path)
    assert exports.fetched == {}


def test_new_removed_and_reordered_messages(exports):
    one, two, three = message("1", "1@x"), message("2", "2@x"), message("3", "3@x")
    path = exports.folder / "in.mbox"
    exports.sync("mail", mbox(path, one, two))
    exports.sync("mail", mbox(path, three, two))
    assert set(exports.files) == {"mail:team/in.mbox/2@x", "mail:team/in.mbox/3@x"}
    assert set(exports.fetched) == {"mail:team/in.mbox/3@x"}


def test_ids_that_are_used_twice_or_missing(exports):
    path = mbox(
        exports.folder / "in.mbox",
        message("real", "id@x"),
        message("real", "id@x"),
        message("forged", "id@x"),
        message("no id"),
        message("no id"),
    )
    exports.sync("mail", path)
    first, forged, unnamed = exports.files.values()
    assert (first.uri, first.title) == ("mail:team/in.mbox/id@x", "real")
    assert forged.uri.startswith("mail:team/in.mbox/id@x;")
    assert forged.title == "forged"
    assert unnamed.uri == f"mail:team/in.mbox/sha256-{unnamed.etag[7:39]}"


def test_a_maildir_with_subfolders_and_flags(exports):
    root = exports.folder / "Maildir"
    box = mailbox.Maildir(root)
    keys = [box.add(message(subject, f"{subject}@x")) for subject in ("kept", "deleted")]
    flagged = mailbox.MaildirMessage(message("deleted", "deleted@x"))
    flagged.set_subdir("cur")
    flagged.set_flags("ST")
    box[keys[1]] = flagged
    box.add_folder("Projekte.Größe").add(message("sub", "sub@x"))
    assert exports.sync("mail", root) == {"INBOX/kept.eml", "Projekte/Größe/sub.eml"}
    assert set(exports.files) == {"mail:team/INBOX/kept@x", "mail:team/Projekte/Gr%C3%B6%C3%9Fe/sub@x"}
    seen = mailbox.MaildirMessage(message("kept", "kept@x"))
    seen.set_subdir("cur")
    seen.set_flags("S")
    box[keys[0]] = seen
    exports.sync("mail", root)
    assert exports.fetched == {}


def test_a_message_that_moves_while_it_is_read(exports):
    root = exports.folder / "Maildir"
    box = mailbox.Maildir(root)
    box.add(message("moved", "m@x"))
    source = MailSource("team", str(root), IngestSettings())
    (file,) = source.list({})
    (path,) = (root / "new").iterdir()
    path.rename(root / "cur" / f"{path.name}:2,RS")
    assert b"Subject: moved" in source.fetch(file).data
    source.close()


def test_a_folder_of_mailboxes_with_rules(exports):
    root = exports.folder / "mail"
    mbox(root / "hr" / "Inbox.mbox", message("a", "a@x"))
    mbox(root / "All mail", message("a", "a@x"))
    (root / "All mail.msf").write_text("// index")
    (root / "notes.txt").write_text("From here on")
    exports.sync("mail", root, rules=({"pattern": "hr/", "groups": ("hr",)},))
    assert {uri: file.groups for uri, file in exports.files.items()} == {
        "mail:team/All%20mail/a@x": (),
        "mail:team/hr/Inbox.mbox/a@x": ("hr",),
    }


@pytest.mark.parametrize(
    ("header", "title"),
    [
        (b"Subject: =?gb2312?B?zajWqg==?=", "通知"),
        (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= folded\n from B", "Grüße folded from B"),
        (b"Subject: =?no-such-charset?B?zajWqg==?=", "=?no-such-charset?B?zajWqg==?="),
    ],
)
def test_subjects_in_any_charset(exports, header, title):
    path = exports.folder / "in.mbox"
    path.write_bytes(b"From x Sat Feb  3 04:05:06 2024\nMessage-ID: <1@x>\n" + header + b"\n\nHello.\n")
    exports.sync("mail", path)
    assert [file.title for file in exports.files.values()] == [title]


def test_what_is_no_mail(exports, monkeypatch):
    with pytest.raises(SourceNotFoundError, match="does not exist"):
        exports.sync("mail", exports.folder / "nowhere")
    (exports.folder / "x").write_text("no mail")
    with pytest.raises(SourceUnavailableError, match="holds no mail"):
        exports.sync("mail", exports.folder / "x")
    path = mbox(exports.folder / "in.mbox", message("a", "a@x"))

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mailbox, "mbox", refuse)
    exports.sync("mail", path)
    assert exports.failures == [
        Failure("mail:team/in.mbox", "the mailbox cannot be read: [Errno 13] Permission denied")
    ]
