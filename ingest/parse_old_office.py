"""doc, xls, ppt and their kin -> docx, xlsx, pptx, by LibreOffice, which then are read as those are.

LibreOffice is a program of its own. It gets a profile of its own, in which it runs no macros and fetches
nothing that a document links to; it is of this process's group, so that whoever ends this process ends it
too.
"""

from __future__ import annotations

import io
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msoffcrypto

from rag.errors import TooLargeError, UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings

__all__ = ["OLD_OFFICE", "modernised"]

# What it becomes, and the Debian package that reads it
OLD_OFFICE = {
    "doc": ("docx", "libreoffice-writer-nogui"),
    "xls": ("xlsx", "libreoffice-calc-nogui"),
    "ppt": ("pptx", "libreoffice-impress-nogui"),
    "xlsb": ("xlsx", "libreoffice-calc-nogui"),
    "wordxml": ("docx", "libreoffice-writer-nogui"),
    "excelxml": ("xlsx", "libreoffice-calc-nogui"),
}
_SUFFIX = {"wordxml": "xml", "excelxml": "xml"}
# Address space that it takes before it opens anything: 500 MB were measured
_OWN_BYTES = 600_000_000
# No macros; links, pictures and other data from outside of the file are not fetched
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update"><prop oor:name="Link" oor:op="fuse"><value>0</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Content/Update"><prop oor:name="Link" oor:op="fuse"><value>1</value></prop></item>
</oor:items>
"""  # noqa: E501
_msoffcrypto: Any = msoffcrypto  # it has no types


def modernised(data: bytes, kind: str, settings: IngestSettings, scratch: Path) -> tuple[bytes, str]:
    """The same document in today's format, and that format. Takes about a second. Raises
    UnsupportedFormatError when LibreOffice is not installed or switched off, UnreadableFileError,
    TooLargeError.
    """
    target, package = OLD_OFFICE[kind]
    if _is_encrypted(data):
        raise UnreadableFileError("the document is protected by a password")
    program = shutil.which(settings.libreoffice) if settings.libreoffice else None
    if program is None:
        raise UnsupportedFormatError(
            f"old Office format ({kind}), read only where LibreOffice is installed (Debian: {package}; "
            "setting ingest.libreoffice)",
            f"Install it (apt-get install --no-install-recommends {package}) or save the file as {target}.",
        )
    # one profile for the life of this process: making it takes half a second
    profile = scratch / f"office-{os.getpid()}"
    if not profile.is_dir():
        (profile / "user").mkdir(parents=True)
        (profile / "user" / "registrymodifications.xcu").write_text(_PROFILE, "utf-8")
    with tempfile.TemporaryDirectory(dir=scratch, prefix="office-") as folder:
        given = Path(folder) / f"document.{_SUFFIX.get(kind, kind)}"
        given.write_bytes(data)
        made = Path(folder) / "made" / f"document.{target}"
        _convert(program, profile, given, made, settings)
        if not made.is_file():
            raise UnreadableFileError("LibreOffice cannot open it: the file is damaged or of another kind")
        if made.stat().st_size > settings.max_unpacked_mb * 1e6:
            raise TooLargeError(
                f"converted, it takes over {settings.max_unpacked_mb:g} MB (setting ingest.max_unpacked_mb)"
            )
        return made.read_bytes(), target


def _is_encrypted(data: bytes) -> bool:
    try:
        return bool(_msoffcrypto.OfficeFile(io.BytesIO(data)).is_encrypted())
    except Exception:  # not a file that it knows, or damaged: LibreOffice is asked
        return False


def _convert(program: str, profile: Path, given: Path, made: Path, settings: IngestSettings) -> None:
    """Run LibreOffice on one file. It has the time that the parse has; what it says tells nothing."""
    memory = settings.parse_memory_mb * 1_000_000 + _OWN_BYTES
    seconds = int(settings.parse_timeout_s) + 1

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        # should this process die, it must not work on for ever
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    command = [
        program,
        f"-env:UserInstallation={profile.as_uri()}",
        "--headless",
        "--norestore",
        "--nolockcheck",
        "--convert-to",
        made.suffix[1:],
        "--outdir",
        str(made.parent),
        str(given),
    ]
    nowhere = "http://127.0.0.1:9"
    # the proxy that is not there is a second bolt on the door
    environment = {
        "HOME": str(profile),
        "TMPDIR": str(given.parent),
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "SAL_USE_VCLPLUGIN": "svp",
        "http_proxy": nowhere,
        "https_proxy": nowhere,
    }
    subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=limited,
        check=False,
    )
