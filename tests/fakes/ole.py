"""Microsoft's old container and an Outlook message in it, written by hand: no library writes them ([MS-CFB],
[MS-OXMSG]).
"""

from __future__ import annotations

import itertools
import struct

FREE, END, FAT_SECTOR, NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
STORAGE, STREAM, ROOT = 1, 2, 5
# Smaller streams lie in small sectors
CUTOFF = 4096


def container(streams: dict[str, bytes]) -> bytes:
    """A compound file; "a/b" is the stream b in the storage a."""
    names = [""]
    for path in streams:
        steps = path.split("/")
        names += ["/".join(steps[:n]) for n in range(1, len(steps)) if "/".join(steps[:n]) not in names]
        names.append(path)
    big, small = _Sectors(512), _Sectors(64)

    def kids(parent: str) -> list[int]:
        return [
            n
            for n, name in enumerate(names)
            if n and (name.rpartition("/")[0] if "/" in name else "") == parent
        ]

    after = {}
    for name in names:
        if name not in streams:
            inside = kids(name)
            after |= dict(itertools.pairwise(inside))
    entries: list[list] = []
    for number, name in enumerate(names):
        kind = ROOT if not number else STREAM if name in streams else STORAGE
        shown = ("Root Entry" if not number else name.rpartition("/")[2]).encode("utf-16-le") + b"\0\0"
        below = next(iter(kids(name)), NONE) if kind != STREAM else NONE
        data = streams.get(name, b"")
        start = 0
        if kind == STREAM:
            start = (small if len(data) < CUTOFF else big).store(data)
        entries.append([shown, len(shown), kind, after.get(number, NONE), below, start, len(data)])
    mini = b"".join(small.sectors)
    entries[0][5:] = [big.store(mini), len(mini)]
    packed = b"".join(
        struct.pack(
            "<64sHBBIII16sIQQIQ", shown, length, kind, 1, NONE, right, below, b"", 0, 0, 0, start, size
        )
        for shown, length, kind, right, below, start, size in entries
    )
    directory = big.store(packed + bytes(-len(packed) % 512))
    mini_table = struct.pack(f"<{len(small.chain)}I", *small.chain)
    mini_fat = big.store(mini_table + b"\xff" * (-len(mini_table) % 512))
    fats = 1
    while 128 * fats < len(big.sectors) + fats:
        fats += 1
    table = big.chain + [FAT_SECTOR] * fats
    table += [FREE] * (128 * fats - len(table))
    header = struct.pack(
        "<8s16sHHHHHHIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0,
        fats, directory, 0, CUTOFF, mini_fat, -(-len(mini_table) // 512), END, 0,
    )  # fmt: skip
    difat = [len(big.sectors) + n for n in range(fats)] + [FREE] * (109 - fats)
    sectors = b"".join(big.sectors) + struct.pack(f"<{len(table)}I", *table)
    return header + struct.pack("<109I", *difat) + sectors


class _Sectors:
    """Data in sectors of one size, and for each sector the one that follows it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sectors: list[bytes] = []
        self.chain: list[int] = []

    def store(self, data: bytes) -> int:
        first, count = len(self.sectors), -(-len(data) // self.size)
        for number in range(count):
            self.sectors.append(data[self.size * number :][: self.size].ljust(self.size, b"\0"))
            self.chain.append(first + number + 1 if number + 1 < count else END)
        return first if count else END


def _properties(values: dict[int, str | bytes], head: bytes) -> dict[str, bytes]:
    """Streams of one object: [MS-OXMSG] 2.4, a list of properties and a stream for each long one."""
    rows, streams = head, {}
    for key, value in values.items():
        kind = 0x001F if isinstance(value, str) else 0x0102
        data = value.encode("utf-16-le") if isinstance(value, str) else value
        streams[f"__substg1.0_{key:04X}{kind:04X}"] = data
        rows += struct.pack("<HHIII", kind, key, 6, len(data) + (2 if kind == 0x001F else 0), 0)
    return {"__properties_version1.0": rows, **streams}


def outlook_message(
    subject: str, body: str, sender: str, to: dict[str, str], attached: dict[str, bytes], html: str = ""
) -> bytes:
    """A .msg with receivers (name -> address) and attachments (name -> content)."""
    own = {0x001A: "IPM.Note", 0x0037: subject, 0x0C1A: sender, 0x0C1F: "sender@x.example"}
    own |= {0x1000: body} if body else {0x1013: html.encode()}
    head = struct.pack("<8xIIII8x", len(to), len(attached), len(to), len(attached))
    streams = _properties(own, head)
    for number, (name, address) in enumerate(to.items()):
        inner = _properties({0x3001: name, 0x39FE: address}, bytes(8))
        streams |= {f"__recip_version1.0_#{number:08X}/{path}": data for path, data in inner.items()}
    for number, (name, content) in enumerate(attached.items()):
        inner = _properties({0x3707: name, 0x3701: content}, bytes(8))
        streams |= {f"__attach_version1.0_#{number:08X}/{path}": data for path, data in inner.items()}
    return container(streams)
