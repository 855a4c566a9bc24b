"""What a heading says, apart from its number."""

from __future__ import annotations

import re

__all__ = ["bare_heading"]

# "4.", "2.1", "第三条", "（一）", "一、", "IV.", "a)": what says nothing outside of its document
_NUMBER = re.compile(
    r"^\s*(?:第[\d〇一二三四五六七八九十百]+[章节節条條款部编編]|[（(][\d一二三四五六七八九十]+[）)]"
    r"|[一二三四五六七八九十]+[、.．]|(?:§\s*)?\d+(?:[.．]\d+)*[.．、):]?(?=\s|[^\W\d])"
    r"|[IVX]{1,5}[.)](?=\s)|[A-Za-z][.)](?=\s))\s*"
)


def bare_heading(heading: str) -> str:
    """A heading without its number and the colon after it."""
    return _NUMBER.sub("", heading).strip().rstrip(":：")
