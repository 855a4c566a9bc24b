"""Real manuals out of Debian 12's packages, as a corpus to measure with.

    python tests/bench/manuals.py FOLDER

Downloads packages with ``apt-get download`` and unpacks them with ``dpkg-deb -x``: nothing is installed and
no root is needed. FOLDER gets

    corpus/     what ingest_speed.py ingests: HTML pages and PDF in some twenty languages
    parallel/   one manual in several languages, the same file names in each, for context.py
    manifest.json   packages, versions, documents, bytes, languages

How the corpus is chosen. Every HTML page of the packages in PAGES is a candidate, but for generated indexes
and search pages, static files, links and second copies of the same bytes. They are ordered by the sha256 of
their path, which knows nothing of their content. The first SHORT[0] of those up to SHORT[1] bytes are taken,
the first LONG[0] of the longer ones up to LONG[1] bytes, and every PDF of the packages in PRINTED, whose
manuals are not among the pages. So most documents are short: that keeps the embedding of 2,000 of them within
minutes on two cores, and it is the harder case for ingestion, because what a document costs beside its
embedding weighs more."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Found", "candidates", "chosen", "fetch", "language_of"]

PAGES = (
    *("postgresql-doc-15", "python3.11-doc", "installation-guide-amd64", "harden-doc", "git-doc", "apt-doc"),
    *("aptitude-doc-en", "aptitude-doc-ja", "debian-policy", "debian-policy-ja", "debian-history"),
    *("debian-faq", "debian-faq-de", "debian-faq-fr", "debian-faq-ja", "debian-faq-ko", "debian-faq-ru"),
    *("debian-faq-zh-cn", "developers-reference", "developers-reference-de", "developers-reference-ja"),
    *("debian-reference-en", "debian-reference-de", "debian-reference-fr", "debian-reference-ja"),
    *("debian-reference-zh-cn", "debian-reference-zh-tw"),
)
PRINTED = ("packaging-tutorial",)
PARALLEL = {name: f"debian-reference-{name}" for name in ("de", "en", "zh-cn", "zh-tw")}
SHORT = (2_000, 16_000)
LONG = (40, 96_000)
LEFT_OUT = re.compile(
    r"(?:^|/)(?:_static|_sources|_images)/|(?:^|/)(?:genindex[^/]*|bookindex|py-modindex|search)\.html$"
)
CODES = "ar ca cs da de el en es fi fr gl hu id it ja ko lt nb nl pl pt ro ru sv tr uk vi zh".split()
_NAMED = re.compile(rf"(?:/|[.-])({'|'.join(CODES)})(?:[-_][A-Za-z]{{2}})?(?=/|\.(?:html|pdf)|$)")
_CHAPTER = re.compile(r"^(?:ch|ap|pr)\w+(?=\.)")


@dataclass(frozen=True, slots=True)
class Found:
    """A document in an unpacked package. ``name`` is its path in the corpus, ``data`` what it holds, unpacked
    from .gz.
    """

    package: str
    name: str
    data: bytes


def language_of(package: str, name: str) -> str:
    """The language that a document's path or its package is named after; "en" when neither tells."""
    named = _NAMED.search(f"/{name}") or _NAMED.search(package)
    return named[1] if named else "en"


def candidates(root: Path, package: str) -> Iterator[Found]:
    """The documents of a package that is unpacked at ``root``, in the order of their paths."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix().removesuffix(".gz")
        name = name.removeprefix("usr/share/").removeprefix("doc/")
        if path.is_symlink() or not path.is_file() or not name.endswith((".html", ".pdf")):
            continue
        if LEFT_OUT.search(name) is None:
            data = path.read_bytes()
            yield Found(package, name, gzip.decompress(data) if path.suffix == ".gz" else data)


def chosen(found: Sequence[Found]) -> list[Found]:
    """The corpus, by the rule that is told at the top of this file."""
    once = {hashlib.sha256(one.data).digest(): one for one in reversed(found)}
    order = sorted(
        once.values(), key=lambda one: hashlib.sha256(f"{one.package}/{one.name}".encode()).digest()
    )
    pages = [one for one in order if one.name.endswith(".html") and one.package in PAGES]
    short = [one for one in pages if len(one.data) <= SHORT[1]]
    long = [one for one in pages if SHORT[1] < len(one.data) <= LONG[1]]
    printed = [one for one in order if one.name.endswith(".pdf") and one.package in PRINTED]
    return [*short[: SHORT[0]], *long[: LONG[0]], *printed]


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not here: the manuals come from Debian's packages.") from None
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command[:2])}: {done.stderr.strip().splitlines()[-1]}\n"
            "The corpus is made of Debian 12's packages. Run `apt-get update` once, as root, and try again."
        )
    return done.stdout


def fetch(packages: Sequence[str], work: Path) -> dict[str, str]:
    """Unpack each package at ``work / package``; returns their versions."""
    debs = work / "debs"
    debs.mkdir(parents=True)
    _run(["apt-get", "download", "-qq", *packages], debs)
    versions = {}
    for deb in sorted(debs.glob("*.deb")):
        package = deb.name.partition("_")[0]
        versions[package] = _run(["dpkg-deb", "-f", str(deb), "Version"], work).strip()
        _run(["dpkg-deb", "-x", str(deb), str(work / package)], work)
        deb.unlink()
    return versions


def _write(documents: Sequence[Found], folder: Path, versions: dict[str, str]) -> list[dict[str, object]]:
    """Put the documents below ``folder``; returns an entry of the manifest for each package."""
    for one in documents:
        path = folder / one.package / one.name.removeprefix(f"{one.package}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
    entries: list[dict[str, object]] = []
    for package in sorted({one.package for one in documents}):
        own = [one for one in documents if one.package == package]
        entries.append(
            {
                "package": package,
                "version": versions[package],
                "documents": len(own),
                "bytes": sum(len(one.data) for one in own),
                "languages": dict(Counter(language_of(package, one.name) for one in own).most_common()),
            }
        )
    return entries


def _parallel(work: Path, folder: Path) -> dict[str, int]:
    """The chapters of the parallel manual, by language, under the same names; returns their numbers."""
    counts = {}
    for language, package in PARALLEL.items():
        own = folder / language
        own.mkdir(parents=True)
        for one in candidates(work / package, package):
            chapter = _CHAPTER.match(one.name.rpartition("/")[2])
            if chapter and one.name.endswith(".html"):
                (own / f"{chapter[0]}.html").write_bytes(one.data)
        counts[language] = len(list(own.iterdir()))
    return counts


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("folder", type=Path)
    folder: Path = options.parse_args().folder
    manifest = folder / "manifest.json"
    if manifest.exists():
        print(f"{manifest} is there already: remove {folder} to fetch the manuals anew.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="citewell-manuals-") as scratch:
        work = Path(scratch)
        packages = sorted({*PAGES, *PRINTED, *PARALLEL.values()})
        print(f"fetching {len(packages)} packages ...", file=sys.stderr)
        versions = fetch(packages, work)
        found = [one for package in sorted({*PAGES, *PRINTED}) for one in candidates(work / package, package)]
        documents = chosen(found)
        for part in ("corpus", "parallel"):
            shutil.rmtree(folder / part, ignore_errors=True)
        entries = _write(documents, folder / "corpus", versions)
        parallel = _parallel(work, folder / "parallel")
    languages = Counter(language_of(one.package, one.name) for one in documents)
    report = {
        "candidates": len(found),
        "documents": len(documents),
        "pdf": sum(one.name.endswith(".pdf") for one in documents),
        "bytes": sum(len(one.data) for one in documents),
        "languages": dict(languages.most_common()),
        "parallel": parallel,
        "packages": entries,
    }
    manifest.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")
    print(json.dumps({key: value for key, value in report.items() if key != "packages"}, indent=2))


if __name__ == "__main__":
    main()
