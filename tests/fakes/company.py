"""A small company's documents in two languages, one of them secret."""

from __future__ import annotations

from rag.models.protocols import EmbedderProtocol
from rag.store import Store
from tests.fakes.library import put

__all__ = ["SECRET", "fill"]

DOCUMENTS = {
    "leave": [
        "Employees have 25 days of annual leave. Unused days of leave lapse on 31 March of the next year.",
        "Parental leave is granted for six months.",
    ],
    "travel": [
        "The hotel allowance in Berlin is 140 EUR a night. Taxi rides need an approval by the manager.",
        "Parking fees are not refunded.",
    ],
    "pump": [
        "The HS-900 pump must be serviced every 500 hours. Close the inlet valve before the service.",
        "The pump has a warranty of 24 months.",
    ],
    "vpn": ["Connect to the VPN with your badge number. Passwords change every 90 days."],
    "canteen": ["The canteen opens at noon. On Fridays there is fish."],
    "history": [
        "The company was founded in Cork in 1987 by two engineers.",
        "It moved to its present building in 2004.",
    ],
    "差旅": ["员工出差住宿费上限为每晚600元。报销单须在三十天内提交给财务部。"],
    "水泵": ["HS-900水泵每运行500小时须保养一次。保养之前关闭进水阀。", "水泵保修期为24个月。"],
    "食堂": ["食堂中午十二点开门。星期五供应鱼。"],
}
SECRET = "The salary of the managing director is 250000 EUR a year."


def fill(store: Store, embedder: EmbedderProtocol) -> None:
    for name, paragraphs in DOCUMENTS.items():
        put(store, embedder, f"{name}.md", paragraphs, title=name)
    put(store, embedder, "secret.md", [SECRET], groups=["board"], title="secret")
