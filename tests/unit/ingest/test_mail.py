import base64
from email.message import EmailMessage


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
