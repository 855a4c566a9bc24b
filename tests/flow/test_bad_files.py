"""The folder of bad files ends with a clear line for each, all others ingested, in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ingest.source import root_uri
from rag.settings import Settings
from rag.store import Store
from rag.types import User
from tests.bench.bad_files import EXPECTED, ODD_NAME, ZH, make

ROOT = Path(__file__).resolve().parents[2]
# A process of its own, so that its memory and its parser's can be read from the kernel when both are done
PROGRAM = """
import json, resource, sys
from pathlib import Path
from ingest.pipeline import ingest
from rag.settings import Settings
from rag.store import Store
from tests.fakes.embedder import HashingEmbedder
settings = Settings(home=Path(sys.argv[1]))
store = Store.open(settings)
report = ingest([Path(sys.argv[2])], settings=settings, store=store, embedder=HashingEmbedder())
store.close()
usage = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"report": report.to_dict(), "bytes": sum(usage)}))
"""


def test_bad_files(tmp_path):
    folder = tmp_path / "bad"
    make(folder)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "home"), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    report = told["report"]
    errors = {Path(failure["source"]).name: failure["error"] for failure in report["failed"]}
    assert set(errors) == {name for name, words in EXPECTED.items() if words}
    for name, words in EXPECTED.items():
        if words:
            assert words in errors[name]
            assert "\n" not in errors[name]
    assert report["added"] == sum(words is None for words in EXPECTED.values())
    assert told["bytes"] < 3_000_000_000
    store = Store.open(Settings(home=tmp_path / "home"))
    texts = {
        Path(source).name: store.document(state.document_id, User()).text
        for source, state in store.states().items()
    }
    assert set(texts) == {name for name, words in EXPECTED.items() if words is None}
    assert texts["gb18030.txt"] == ZH * 3
    assert texts["utf-16.txt"] == ZH
    assert texts["invalid-utf8.txt"] == f"{ZH}\ufffd\ufffd{ZH}"
    assert texts["shift-jis.txt"] == "社員は出張後三十日以内に精算書を提出しなければならない。"
    assert texts["really-a-pdf.docx"] == "A document of the wrong name."
    assert texts["really-a-docx.txt"] == "Another document of the wrong name."
    assert f"{root_uri(folder)}/{ODD_NAME}" in store.states()
    store.close()
