import io
import subprocess
import sys
import textwrap

import docx
import pytest

from ingest.parse import Parser
from rag.errors import UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings
from tests.fakes.ole import container

pytestmark = pytest.mark.slow

OLD = container({"WordDocument": b"x" * 5000})


@pytest.mark.parametrize(
    ("kind", "stream", "package"),
    [
        ("doc", "WordDocument", "writer"),
        ("xls", "Workbook", "calc"),
        ("ppt", "PowerPoint Document", "impress"),
    ],
)
@pytest.mark.parametrize("program", ["", "no-such-program"])
def test_without_libreoffice_it_says_what_to_install(kind, stream, package, program):
    with (
        Parser(IngestSettings(libreoffice=program)) as parser,
        pytest.raises(UnsupportedFormatError, match=rf"old Office format \({kind}\)") as told,
    ):
        parser.parse(container({stream: b"x"}), f"a.{kind}")
    assert f"libreoffice-{package}-nogui" in told.value.message
    assert "ingest.libreoffice" in told.value.message
    assert told.value.remedy.startswith("Install it (apt-get install")


def _program(folder, body):
    """A stand-in for LibreOffice: it is called as that is."""
    program = folder / "office"
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
    program.chmod(0o755)
    return str(program)


def test_it_is_called_in_a_profile_of_its_own_and_its_result_is_read(tmp_path):
    made = io.BytesIO()
    document = docx.Document()
    document.add_heading("差旅管理办法", 0)
    document.save(made)
    (tmp_path / "made.docx").write_bytes(made.getvalue())
    program = _program(
        tmp_path,
        f"""
        import os, pathlib, shutil, sys
        out, given = pathlib.Path(sys.argv[sys.argv.index("--outdir") + 1]), sys.argv[-1]
        profile = pathlib.Path(sys.argv[1].removeprefix("-env:UserInstallation=file://"))
        settings = (profile / "user" / "registrymodifications.xcu").read_text()
        assert "DisableMacrosExecution" in settings and "BlockUntrustedRefererLinks" in settings
        assert sys.argv[sys.argv.index("--convert-to") + 1] == "docx"
        assert os.environ["https_proxy"] == "http://127.0.0.1:9"
        assert pathlib.Path(given).read_bytes().startswith(b"\\xd0\\xcf")
        out.mkdir()
        shutil.copy({str(tmp_path / "made.docx")!r}, out / "document.docx")
        """,
    )
    with Parser(IngestSettings(libreoffice=program)) as parser:
        parsed = parser.parse(OLD, "a.doc")
    assert [block.text for block in parsed.blocks] == ["差旅管理办法"]
    assert parsed.mime == "application/msword"


def test_it_is_killed_with_its_children_when_time_is_up(tmp_path, settled):
    program = _program(
        tmp_path,
        f"""
        import os, pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path({str(tmp_path / "pids")!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(600)
        """,
    )
    with Parser(IngestSettings(libreoffice=program, parse_timeout_s=3)) as parser:
        with pytest.raises(UnreadableFileError, match="not parsed within 3 s"):
            parser.parse(OLD, "a.doc")
        for pid in (tmp_path / "pids").read_text().split():
            settled(lambda pid=pid: not _runs(pid))
        assert parser.parse(b"Still there.", "b.txt").blocks[0].text == "Still there."


def _runs(pid):
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")
