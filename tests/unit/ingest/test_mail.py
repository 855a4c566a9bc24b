import base64
from email.message import EmailMessage

import pytest

from rag.errors import UnreadableFileError
from tests.fakes.ole import outlook_message


def _mail():
    message = EmailMessage()
    message["From"] = "张三 <zhang@x.example>"
    message["To"] = "Ben <b@x.example>"
    message["Subject"] = "假期安排"
    message["Date"] = "Mon, 04 Mar 2024 10:00:00 +0800"
    return message


def test_headers_body_and_quoted_history(outline, read):
    message = _mail()
    message.set_content(
        "大家好：\n\n春节放假七天。\n\n"
        "> On Monday, Ben wrote:\n> When is the holiday?\n>> An older line.\n\n张三\n"
    )
    data = message.as_bytes()
    assert outline("a.eml", data) == [
        ("heading", "", "假期安排"),
        (
            "text",
            "假期安排",
            "From: 张三 <zhang@x.example>\nTo: Ben <b@x.example>\nDate: Mon, 04 Mar 2024 10:00:00 +0800",
        ),
        ("text", "假期安排", "大家好："),
        ("text", "假期安排", "春节放假七天。"),
        ("text", "假期安排", "> On Monday, Ben wrote:"),
        ("text", "假期安排", "> When is the holiday?"),
        ("text", "假期安排", "> An older line."),
        ("text", "假期安排", "张三"),
    ]
    document = read("a.eml", data)
    assert (document.title, document.mime) == ("假期安排", "message/rfc822")


def test_html_body_and_attachments(outline):
    message = _mail()
    message.set_content("<p>放假<b>七</b>天。</p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="计划.pdf")
    texts = [text for _, _, text in outline("a.eml", message.as_bytes())]
    assert texts[1].endswith("\nAttachments: 计划.pdf")
    assert texts[2:] == ["放假七天。"]


def test_unknown_charset_and_wrong_name(read):
    body = base64.b64encode("员工应当提交休假申请，逾期不予受理。".encode("gb18030"))
    raw = (
        b"Subject: hi\r\nFrom: a@x.example\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: text/plain; charset="x-unheard-of"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + body
    )
    assert read("a.docx", raw).text.endswith("员工应当提交休假申请，逾期不予受理。")


def _parts(parser, name, data):
    return [(part.name, part.path.read_bytes()) for part in parser.parse(data, name).parts]


def test_attachments_are_parts_and_logos_are_not(parser, read):
    message = _mail()
    message.set_content("See the plan.")
    message.add_attachment("计划".encode(), maintype="application", subtype="pdf", filename="计划/2024.pdf")
    message.add_attachment(b"l" * 900, maintype="image", subtype="png", cid="<logo>", disposition="inline")
    message.add_attachment(
        b"p" * 20_000, maintype="image", subtype="png", cid="<photo>", disposition="inline", filename="p.png"
    )
    message.add_attachment(b"sig", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    inner = _mail()
    inner.replace_header("Subject", "Alt: a/b")
    inner.set_content("The forwarded one.")
    message.add_attachment(inner)
    data = message.as_bytes()
    parts = _parts(parser, "a.eml", data)
    assert [(name, len(content)) for name, content in parts[:2]] == [("计划/2024.pdf", 6), ("p.png", 20_000)]
    assert parts[2][0] == "Alt: a_b.eml"
    assert "The forwarded one." in read("b.eml", parts[2][1]).text
    assert len(parts) == 3
    text = read("a.eml", data).text
    assert "Attachments: 计划/2024.pdf, p.png, Alt: a_b.eml" in text
    assert text.endswith("See the plan.")


def test_of_alternatives_the_plain_text_and_all_that_follows(read):
    message = _mail()
    message.set_content("Plain.")
    message.add_alternative("<p>Rich.</p>", subtype="html")
    message.make_mixed()
    message.add_attachment("After the attachment.", disposition="inline")
    text = read("a.eml", message.as_bytes()).text
    assert text.endswith("Plain.\n\nAfter the attachment.")
    assert "Rich" not in text


def test_encrypted_mail(read):
    message = _mail()
    message.set_content(b"x", maintype="application", subtype="pkcs7-mime")
    with pytest.raises(UnreadableFileError, match="the message is encrypted"):
        read("a.eml", message.as_bytes())


def test_a_page_saved_as_mail(read, parser):
    page = EmailMessage()
    page["Subject"] = "Exported"
    page.set_content("<html><body><h1>空间</h1><p>内容。</p></body></html>", subtype="html")
    page.add_related(b"x" * 50_000, maintype="image", subtype="png", cid="<a>")
    data = page.as_bytes()
    assert read("a.doc", data).text == "空间\n\n内容。"
    assert [name for name, _ in _parts(parser, "a.mht", data)] == ["image.png"]


MBOX = """From a@x.example Mon Jan  1 10:00:00 2024
From: a@x.example
Subject: =?utf-8?b?5YGH5pyf?=
Message-ID: <1@x.example>

One.
>From here on.

From b@x.example Tue Jan  2 10:00:00 2024
From: b@x.example
Subject: Re: a/b

Two. From then on 10:00 Mon is fine.
"""


def test_mailbox(parser, read):
    parts = _parts(parser, "Inbox", MBOX.encode())
    assert [name for name, _ in parts] == ["假期 [d62643e1].eml", "Re: a_b [4ef1e793].eml"]
    assert read("a.eml", parts[0][1]).text.endswith("One.\n\nFrom here on.")
    later = MBOX.index("From b@")
    assert [name for name, _ in _parts(parser, "Inbox", MBOX[later:].encode())] == [parts[1][0]]


def test_outlook_message(outline, parser):
    data = outlook_message(
        "假期安排",
        "大家好：\n\n春节放假七天。\n",
        "张三",
        {"Ben": "b@x.example", "李四": "l@x.example"},
        {"计划.txt": "附件".encode(), "big.bin": b"x" * 5000},
    )
    assert outline("a.doc", data) == [
        ("heading", "", "假期安排"),
        (
            "text",
            "假期安排",
            'From: "张三" <sender@x.example>\nTo: Ben <b@x.example>, 李四 <l@x.example>\n'
            "Attachments: 计划.txt, big.bin",
        ),
        ("text", "假期安排", "大家好："),
        ("text", "假期安排", "春节放假七天。"),
    ]
    assert _parts(parser, "a.msg", data) == [("计划.txt", "附件".encode()), ("big.bin", b"x" * 5000)]


def test_outlook_message_in_html_and_a_damaged_one(read):
    page = "<p>放假<b>七</b>天。</p>"
    assert read("a.msg", outlook_message("S", "", "A", {}, {}, page)).text.endswith("放假七天。")
    with pytest.raises(UnreadableFileError, match=r"Outlook message cannot|file is damaged"):
        read("a.msg", outlook_message("S", "body" * 2000, "A", {}, {})[:3000])
