import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import pytest

from ingest.parse import Parser
from ingest.parse_archive import check_archive
from ingest.parse_parts import check_depth, is_junk, part_name
from rag.errors import TooLargeError, UnreadableFileError
from rag.settings import IngestSettings


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def zipped_as(encoding, *names):
    """A zip whose names are in an encoding that it does not tell: as other systems' tools write it."""
    raw = [name.encode(encoding) for name in names]
    held = [f"{number:03}".encode().ljust(len(name), b"x") for number, name in enumerate(raw)]
    data = zipped(*((name.decode(), name) for name in held))
    for place, name in zip(held, raw, strict=True):
        data = data.replace(b"\0\0" + place, b"\0\0" + name).replace(place + b"PK", name + b"PK")
        data = data.replace(place, name)
    return data


def tarred(*members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data)
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def opened(parser):
    """Names and contents of the parts, in order."""

    def run(data, name="a.zip"):
        parsed = parser.parse(data, name)
        assert parsed.blocks == ()
        return [(part.name, part.error or part.path.read_bytes()) for part in parsed.parts]

    return run


def test_members_keep_their_paths_and_cannot_leave_the_archive(opened, parser):
    members = [
        ("差旅/制度.txt", "一"), ("../../etc/passwd", "two"), ("/abs.txt", "three"),
        ("C:\\Users\\x.txt", "four"), ("__MACOSX/._a", "junk"), (".DS_Store", "junk"),
        ("~$open.docx", "junk"),        ("empty.txt", ""), ("folder/", ""), ("caf\u0065\u0301.txt", "NFC"),
    ]  # fmt: skip
    assert opened(zipped(*members)) == [
        ("差旅/制度.txt", "一".encode()),
        ("etc/passwd", b"two"),
        ("abs.txt", b"three"),
        ("Users/x.txt", b"four"),
        ("café.txt", b"NFC"),
    ]
    folders = {part.path.parent for part in parser.parse(zipped(*members), "a.zip").parts}
    assert len(folders) == 1


def test_two_members_of_one_name(opened):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped(("a/b.txt", "1"), ("a/b.txt", "2"), ("a/b.txt", "3"))
    assert [name for name, _ in opened(data)] == ["a/b.txt", "a/b~2.txt", "a/b~3.txt"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ["制度/差旅费报销管理办法.txt", "员工手册.docx"]),
        ("cp932", ["社内規程/出張旅費規程について.txt", "カタカナ.txt"]),
        ("big5", ["臺灣經銷商合作須知與規定.txt"]),
        ("cp949", ["직원 출장 규정.txt", "휴가 신청서.hwp"]),
        ("cp437", ["Übersicht.txt", "Größe.txt"]),
        ("utf-8", ["制度.txt", "Größe.txt"]),
    ],
)
def test_names_in_an_encoding_that_the_zip_does_not_tell(opened, encoding, names):
    assert [name for name, _ in opened(zipped_as(encoding, *names))] == names


def test_name_beside_the_name(opened):
    """Info-ZIP's field for the name in UTF-8."""
    info = zipfile.ZipInfo("garbled.txt")
    name = "制度.txt".encode()
    info.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name
    assert opened(zipped((info, "x"))) == [("制度.txt", b"x")]


def test_damaged_and_encrypted_members_cost_one_line_each(opened):
    data = bytearray(zipped(("a.txt", "good"), ("b.txt", "wrong"), ("c.txt", "locked"), method=0))
    data[data.index(b"wrong")] ^= 1
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4) + 4)
    data[at + 8] |= 1
    assert opened(bytes(data)) == [
        ("a.txt", b"good"),
        ("b.txt", "the archive is damaged here: it cannot be unpacked"),
        ("c.txt", "it is protected by a password; unpack the archive and ingest the files"),
    ]


@pytest.mark.parametrize(
    ("pack", "suffix"),
    [
        (bytes, ".tar"), (gzip.compress, ".tar.gz"), (gzip.compress, ".tgz"), (bz2.compress, ".tar.bz2"),
        (lzma.compress, ".tar.xz"),
    ],
)  # fmt: skip
def test_tar_without_links_and_devices(opened, pack, suffix):
    data = tarred(
        ("手册/一.txt", b"1", tarfile.REGTYPE),
        ("link", b"", tarfile.SYMTYPE),
        ("hard", b"", tarfile.LNKTYPE),
        ("device", b"", tarfile.CHRTYPE),
        ("pipe", b"", tarfile.FIFOTYPE),
        ("../up.txt", b"2", tarfile.REGTYPE),
    )
    assert opened(pack(data), f"a{suffix}") == [("手册/一.txt", b"1"), ("up.txt", b"2")]


def test_what_is_whole_of_a_cut_tar_is_kept(opened):
    data = tarred(("a.txt", b"1" * 600, tarfile.REGTYPE), ("b.txt", b"2" * 600, tarfile.REGTYPE))
    found = opened(data[:2200], "a.tar")
    assert [name for name, _ in found] == ["a.txt", "(rest of the archive)"]
    assert found[1][1] == "the archive is damaged here: it cannot be unpacked"


def test_one_packed_file(opened):
    assert opened(gzip.compress("日志".encode()), "syslog.1.gz") == [("syslog.1", "日志".encode())]
    assert opened(lzma.compress(b"x"), "README") == [("README", b"x")]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (zipped(), UnreadableFileError, "the archive holds no files"),
        (zipped(("a.txt", "x"))[:40], UnreadableFileError, "damaged"),
        (gzip.compress(b"x" * 500)[:20], UnreadableFileError, "the archive is damaged"),
        (zipped(("a.txt", bytes(30_000_000))), TooLargeError, r"200 times its size.*ingest\.max_ratio"),
        (gzip.compress(bytes(30_000_000)), TooLargeError, r"200 times its size.*ingest\.max_ratio"),
        (lzma.compress(tarred(("a", bytes(30_000_000), tarfile.REGTYPE))), TooLargeError, "max_ratio"),
        (b"PK\x05\x06" + bytes(18), UnreadableFileError, "the archive holds no files"),
    ],
    ids=["empty", "cut zip", "cut gzip", "zip bomb", "gzip bomb", "tar bomb", "no entries"],
)
def test_what_cannot_be_unpacked(parser, data, error, message):
    with pytest.raises(error, match=message):
        parser.parse(data, "a")


def test_limits_of_size_and_number():
    with Parser(IngestSettings(max_unpacked_mb=1, max_ratio=1e6, max_members=3)) as small:
        with pytest.raises(TooLargeError, match=r"more than 1 MB.*ingest\.max_unpacked_mb"):
            small.parse(gzip.compress(bytes(2_000_000)), "a.gz")
        with pytest.raises(TooLargeError, match=r"more than 3 files \(setting ingest\.max_members\)"):
            small.parse(zipped(*((f"{n}.txt", "x") for n in range(4))), "a.zip")


def test_a_claimed_size_does_not_count():
    """A sparse member that says it has a terabyte."""
    data = bytearray(tarred(("a.txt", b"x" * 600, tarfile.REGTYPE)))
    data[124:136] = b"77777777777\0"
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    with Parser(IngestSettings()) as parser, pytest.raises(TooLargeError, match="more than 500 MB"):
        parser.parse(bytes(data), "a.tar")


def test_parts_go_with_the_next_parse_and_with_the_parser():
    with Parser(IngestSettings()) as parser:
        (first,) = parser.parse(zipped(("a.txt", "x")), "a.zip").parts
        assert first.path.read_bytes() == b"x"
        parser.parse(b"text", "b.txt")
        assert not first.path.exists()
        (second,) = parser.parse(zipped(("a.txt", "y")), "a.zip").parts
    assert not second.path.parent.parent.exists()


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("a/./b//c.txt", "a/b/c.txt"),
        ("../..", ""),
        ("a\\..\\b", "a/b"),
        ("D:/x", "x"),
        ("a\x00\u202eb.txt", "ab.txt"),
        ("wow!/x", "wow/x"),
        ("n" * 300 + ".txt", "n" * 146 + ".txt"),
    ],
)
def test_part_names(raw, name):
    assert part_name(raw) == name


def test_junk_and_depth():
    assert is_junk("__MACOSX/a.txt")
    assert is_junk("a/Thumbs.db")
    assert not is_junk("a/b.txt")
    check_depth(3, IngestSettings())
    with pytest.raises(
        TooLargeError, match=r"4 archives or mails deep, over 3 \(setting ingest\.max_depth\)"
    ):
        check_depth(4, IngestSettings())


def test_a_document_in_a_zip_that_is_a_bomb_is_refused_before_it_is_opened():
    bomb = zipped(("word/document.xml", bytes(30_000_000)))
    with pytest.raises(TooLargeError, match=r"more than 200 times its size.*ingest\.max_ratio"):
        check_archive(bomb, IngestSettings())
    with pytest.raises(TooLargeError, match=r"more than 20 MB.*ingest\.max_unpacked_mb"):
        check_archive(bomb, IngestSettings(max_unpacked_mb=20, max_ratio=1e6))


def test_a_directory_that_lies_about_sizes_is_found_out():
    data = bytearray(zipped(("word/document.xml", bytes(3_000_000))))
    # the size in the central directory: 24 bytes after its mark
    at = data.rfind(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(UnreadableFileError, match="cannot be unpacked"):
        check_archive(bytes(data), IngestSettings())
