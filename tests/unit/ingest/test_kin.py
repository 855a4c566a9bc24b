import hashlib
import itertools
import random

import numpy as np
import pytest
from sqlalchemy import delete, insert, select

import ingest.kin
from ingest.kin import PERMUTATIONS, SERIES, Signature, forget, link, sign, stated_in_name
from rag.settings import Settings
from rag.store import Store
from rag.tables import band, kin
from rag.tables import document as documents
from rag.text import language, terms
from rag.types import Document

POLICY = """Document HR-11, version {version}. Effective from {day}. Owner: Fang Xiaotang, Head of People.
Every trip with an overnight stay is approved by the line manager before anything is booked.
Trains are booked in second class. Where the train takes less than {hours} hours, flying is not reimbursed.
The maximum hotel rate is EUR {rate} per night including breakfast.
If no room can be found under the limit, the line manager approves a higher rate by mail.
Claims are handed in within {claims} days of the end of the trip, with receipts.
{more}"""
OLD = POLICY.format(
    version=4, day="1 March 2024", hours="four", rate=140, claims=60, more="Ask first by mail."
)
NEW = POLICY.format(
    version=5, day="1 January 2026", hours="five", rate=165, claims=30,
    more="After a flight of more than nine hours the traveller has the following half day off.",
)  # fmt: skip
LEAVE = """文件编号：HR-05。发布部门：人力资源部。适用范围：全体员工。
第一条 为保障员工的休息权利，规范请假手续，结合本公司实际，制定本办法。
第二条 员工每年享受带薪年休假{days}天，应至少提前三个工作日在人事系统中提出申请。
第三条 当年未休完的年休假，最多可结转{rest}天，逾期作废。
第四条 病假期间，工资按基本工资的80%发放。
第五条 本办法由人力资源部负责解释，自{year}年7月1日起施行。"""
MANUAL = """Read this manual before you use the {code}. Keep the {code} dry.
The sensor of the {code} is calibrated every {months} months with the solution in the box.
Remove the cap, rinse the membrane with clean water and let it dry in the air.
Connect the cable to the port on the back and wait until the lamp turns green.
The lamp blinks red when moisture has entered the housing; call the service then."""
CERTIFICATE = """This is to certify that {name} has taken part in the course on the safe handling of
chlorine and has passed the examination. The certificate is valid for two years from the date of issue and is
recognised at all sites of the group. Issued by the training department on 3 May 2025."""
AWARD = "兹证明{name}同志参加了本公司二〇二五年组织的安全生产培训，考核合格，准予结业，特发此状。\n" * 2
TRADITIONAL = "員工出差須經部門經理批準，住宿費上限為每晚六百元，報銷單須在三十天內提交財務部審核。\n" * 3
SIMPLIFIED = "员工出差须经部门经理批准，住宿费上限为每晚六百元，报销单须在三十天内提交财务部审核。\n" * 3
MAIL = "message/rfc822"


def made(title, text, *, titled=True, spoken="", mime="text/plain", key=""):
    return Document(
        id=key or hashlib.sha256(f"{title} {text}".encode()).hexdigest()[:32],
        title=title,
        titled=titled,
        text=text,
        elements=(),
        language=spoken or language(text),
        mime=mime,
        sha256="",
        size=0,
    )


def put(connection, document):
    signature = sign(document)
    row = {"sha256": document.id, "size": 0, "pipeline": "", "elements": []}
    names = ("id", "title", "titled", "text", "language", "mime")
    row |= {name: getattr(document, name) for name in names}
    row |= {"edition": signature.edition, "signature": signature.digest}
    connection.execute(insert(documents), row)
    link(connection, document, signature)


def take(connection, document):
    forget(connection, document.id)
    connection.execute(delete(documents).where(documents.c.id == document.id))


def links(connection):
    return {(row.document_id, row.other_id): row.similarity for row in connection.execute(select(kin))}


@pytest.fixture
def connection(tmp_path):
    store = Store.open(Settings(home=tmp_path))
    with store.write() as opened:
        yield opened
    store.close()


def linked(connection, a, b):
    put(connection, a)
    put(connection, b)
    return set(links(connection)) == {(a.id, b.id), (b.id, a.id)}


def jaccard(a, b):
    pairs = [{p for line in t.split("\n") for p in itertools.pairwise(terms(line))} for t in (a, b)]
    return len(pairs[0] & pairs[1]) / len(pairs[0] | pairs[1])


def test_the_signature_estimates_how_much_is_shared():
    rng = random.Random(5)
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    for share in (0.2, 0.5, 0.8):
        text = [" ".join(rng.choices(words, k=40)) for _ in range(40)]
        other = [line if rng.random() < share else " ".join(rng.choices(words, k=40)) for line in text]
        a, b = "\n".join(text), "\n".join(other)
        minima = [np.frombuffer(sign(made("t", t)).digest, "<u4")[1 : 1 + PERMUTATIONS] for t in (a, b)]
        assert np.mean(minima[0] == minima[1]) == pytest.approx(jaccard(a, b), abs=0.12)


def test_signatures_are_the_same_everywhere():
    """They are compared with stored ones: a new version of the library must not change them."""
    digest = np.frombuffer(sign(made("Rules", "one two three four")).digest, "<u4")
    assert digest[:4].tolist() == [3, 1657441794, 1109665382, 1864803188]
    assert len(digest) == 1 + PERMUTATIONS


def test_versions_of_a_policy_are_linked_both_ways_round(connection):
    old, new = made("Travel Policy 2024", OLD), made("Travel Policy 2026", NEW)
    assert linked(connection, old, new)
    assert links(connection)[old.id, new.id] == pytest.approx(jaccard(OLD, NEW), abs=0.12)
    assert (sign(old).edition, sign(new).edition) == ("2024-03-01 v0004", "2026-01-01 v0005")


def test_versions_in_chinese_are_linked(connection):
    old = made("休假管理办法（2023年版）", LEAVE.format(days=5, rest=3, year=2023))
    new = made("休假管理办法（2025年版）", LEAVE.format(days=10, rest=5, year=2025))
    assert linked(connection, old, new)
    assert (sign(old).edition, sign(new).edition) == ("2023-07-01", "2025-07-01")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("travel-policy-2024", "Travel Policy (2026) FINAL"),
        ("Copy of travel_policy_v1.2", "travel policy v1.3 draft (1)"),
        ("Reiserichtlinie 3. Auflage", "Reiserichtlinie, Entwurf 01.03.2025"),
        ("差旅制度（第3版）", "差旅制度 2025年修订版 副本"),
        ("出張規程 令和5年4月1日", "出張規程（改訂版）"),
    ],
)
def test_dates_versions_and_marks_in_titles_make_no_difference(connection, first, second):
    assert linked(connection, made(first, OLD, titled=False), made(second, NEW, titled=False))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(
            made("HS-410 User Manual", MANUAL.format(code="HS-410", months=6)),
            made("HS-900 User Manual", MANUAL.format(code="HS-900", months=6)),
            id="the manuals of two products",
        ),
        pytest.param(
            made("User Manual", MANUAL.format(code="HS-410", months=6)),
            made("User Manual", MANUAL.format(code="HS-900", months=12)),
            id="manuals whose titles do not name the product",
        ),
        pytest.param(
            made("Completion", CERTIFICATE.format(name="Anna Berg")),
            made("Completion", CERTIFICATE.format(name="Bo Lindqvist Lund")),
            id="certificates of two people",
        ),
        pytest.param(
            made("结业", AWARD.format(name="张伟")),
            made("结业", AWARD.format(name="李晓娜")),
            id="certificates in Chinese",
        ),
        pytest.param(
            made("Risk assessment", f"Site: Freiburg\n{NEW}"),
            made("Risk assessment", f"Site: Osaka\n{OLD}"),
            id="a form of two sites",
        ),
        pytest.param(
            made("Release notes 2.1", MANUAL.format(code="pump", months=6)),
            made("Release notes 2.2", MANUAL.format(code="pump", months=12)),
            id="release notes of two releases",
        ),
        pytest.param(
            made("生产例会纪要 2026-04-03", LEAVE.format(days=5, rest=3, year=2026)),
            made("生产例会纪要 2026-04-10", LEAVE.format(days=10, rest=5, year=2026)),
            id="minutes of two days",
        ),
        pytest.param(
            made("出差規定", TRADITIONAL),
            made("出差规定", SIMPLIFIED),
            id="traditional and simplified",
        ),
        pytest.param(made("Rules", OLD, spoken="en"), made("Rules", NEW, spoken="nl"), id="two languages"),
        pytest.param(made("Travel policy", OLD), made("Leave policy", NEW), id="two titles"),
        pytest.param(made("", OLD, titled=False), made("", NEW, titled=False), id="no names"),
        pytest.param(made("2024-05-01", OLD), made("2024-05-02", NEW), id="notes of two days"),
        pytest.param(
            made("Re: Order", OLD, mime=MAIL), made("Re: Order", NEW, mime=MAIL), id="mails"
        ),
        pytest.param(made("Menu", "Monday: fish, rice"), made("Menu", "Monday: soup, bread"), id="tiny"),
    ],
)  # fmt: skip
def test_near_identical_texts_about_different_things_are_not_linked(connection, a, b):
    assert not linked(connection, a, b)


def test_tiny_texts_are_linked_when_they_are_nearly_equal(connection):
    a = made("Allowance 2024", "The hotel allowance in Berlin is 140 EUR a night, breakfast included.")
    b = made("Allowance 2026", "The hotel allowance in Berlin is 165 EUR a night, breakfast included.")
    assert linked(connection, a, b)


def test_of_a_very_long_text_a_sample_is_signed():
    rng = random.Random(3)
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split()
    lines = [" ".join((*rng.choices(words, k=12), f"n{number}")) for number in range(20_000)]
    before, after = "\n".join(lines), "\n".join([*lines[:9000], *lines[9500:], "one more line"])
    assert len(before) > 5 * ingest.kin.SAMPLE_CHARS
    minima = [np.frombuffer(sign(made("t", t)).digest, "<u4")[1:] for t in (before, after)]
    assert np.mean(minima[0][:PERMUTATIONS] == minima[1][:PERMUTATIONS]) > 0.85


def some(rng):
    """Versions of three rules, some with names in common, so that links are many."""
    pool = []
    for number in range(18):
        name = ("Travel Policy", "Leave Rules", "Handbook")[number % 3]
        text = POLICY.format(
            version=number, day=f"{1 + number} March 2024", hours=rng.choice(("two", "three", "four")),
            rate=100 + number, claims=number, more=rng.choice(("It is so.", "Ask the head.", "")),
        )  # fmt: skip
        pool.append(made(f"{name} v{number}", text, key=f"{number:032}"))
    return pool


@pytest.mark.parametrize("seed", range(3))
def test_links_do_not_depend_on_the_order_of_events(connection, seed, monkeypatch):
    """Also where subjects become a series and cease to be one."""
    monkeypatch.setattr(ingest.kin, "SERIES", 3)
    rng = random.Random(seed)
    pool = some(rng)
    present = []
    for _ in range(60):
        if present and rng.random() < 0.4:
            take(connection, present.pop(rng.randrange(len(present))))
        elif rest := [document for document in pool if document not in present]:
            present.append(rng.choice(rest))
            put(connection, present[-1])
    got = links(connection)
    for table in (kin, band, documents):
        connection.execute(delete(table))
    for document in sorted(present, key=lambda document: document.id, reverse=True):
        put(connection, document)
    assert got == links(connection)


def test_so_many_of_one_name_are_a_series(connection, monkeypatch):
    assert SERIES > 20
    monkeypatch.setattr(ingest.kin, "SERIES", 3)
    pool = [made(f"Plan v{n}", OLD + f"\nNumber {n} of them.", key=f"{n:032}") for n in range(5)]
    for document in pool[:3]:
        put(connection, document)
    assert len(links(connection)) == 6
    put(connection, pool[3])
    assert len(links(connection)) == 0
    put(connection, pool[4])
    assert len(links(connection)) == 0
    take(connection, pool[4])
    assert len(links(connection)) == 0
    take(connection, pool[0])
    assert len(links(connection)) == 6


def test_what_was_stored_without_a_signature_is_no_kin(connection):
    put(connection, made("Travel Policy 2024", OLD))
    connection.execute(documents.update().values(signature=None))
    connection.execute(delete(band))
    put(connection, made("Travel Policy 2026", NEW))
    assert links(connection) == {}
    forget(connection, "unknown")


def test_names_state_editions():
    assert stated_in_name("leave-rules-2023.md") == "2023"
    assert stated_in_name("rules.md") == ""
    assert Signature(b"", "") == sign(made("Re: x", "", mime="message/rfc822"))
