"""Do a document's title and the headings above a passage help to find it, and how much?

    python tests/bench/manuals.py FOLDER
    python tests/bench/context.py DATA FOLDER/parallel [--count 300] [--out FILE]

Passages are cut by the real chunker and then embedded and indexed in four ways, all else being the same:

    body        the text alone, without any heading
    in place    the text with headings where they stand, as a plain splitter leaves them: in the first passage
                of a section only
    title       the document's title above every passage
    path        title and heading path above every passage, as Citewell does it

XQuAD (DATA holds xquad.en.json, xquad.zh.json, xquad.de.json): an article with its title is a document of
paragraphs; the right passage is the one that holds the answer. Titles are English in all three files.

Manual (Debian Reference in several languages, the same sections in the same order): a sentence from the body
of a section, or its heading without its number, is asked in one language; right are the passages of that
section in another. Sentences and headings that read the same in both are left out. zh-tw -> zh-cn are two
translations into one language, one in traditional characters.

Told are recall at 1 and 5 and the mean reciprocal rank (0 beyond the candidates) of the dense search, of the
lexical one, and of what Citewell makes of both."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ingest_speed import machine

from ingest.chunk import chunk
from ingest.embed import Embedded, embed
from ingest.index import Ledger, Prepared
from ingest.kin import Signature
from ingest.parse import Parser
from ingest.parse_blocks import Block, Parsed, title_of, to_document
from rag.index.dense import DenseIndex
from rag.models.embedder import Embedder
from rag.rerank import rerank
from rag.retrieve import retrieve
from rag.settings import Settings, load_settings
from rag.store import Store
from rag.text import fold, language, sentences
from rag.timer import Timer
from rag.types import Chunk, Document, Hit, Place, Span, User

__all__ = ["Asked", "sections", "shown"]

SEED = 11
VARIANTS = ("body", "in place", "title", "path")
STEPS = ("dense", "lexical", "reranked")
PAIRS = (("en", "zh-cn"), ("zh-cn", "en"), ("de", "en"), ("zh-tw", "zh-cn"))
CJK = ("zh", "ja")
_NUMBER = re.compile(r"^(?:\d+(?:\.\d+)*|[A-Z](?:\.\d+)+)\.?\s+")
_WORDS = re.compile(r"[^\W\d_]{2,}")
Ranks = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and where its answer is: ``span`` of the document called ``name``."""

    text: str
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Cut:
    """A document with its chunks and the vectors of their sentences. ``name`` is its file's."""

    name: str
    document: Document
    chunks: list[Chunk]
    sentences: tuple[np.ndarray[tuple[int, int], np.dtype[np.float16]], ...]


def shown(document: Document, chunks: Sequence[Chunk], variant: str) -> tuple[str, list[Chunk]]:
    """The title and the chunks as a variant has them."""
    if variant == "path":
        return document.title, list(chunks)
    bare = [replace(one, heading=()) for one in chunks]
    if variant == "in place":
        # what lies between two chunks are headings that the chunker moved into the path
        ends = [0, *(one.end for one in chunks[:-1])]
        starts = [_begin(document.text, min(end, one.start)) for end, one in zip(ends, chunks, strict=True)]
        bare = [
            replace(one, text=document.text[start : one.end], start=start)
            for one, start in zip(bare, starts, strict=True)
        ]
    return document.title if variant == "title" else "", bare


def _begin(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())


def sections(document: Document) -> list[Span]:
    """The body below each heading, up to the next one."""
    headings = [element for element in document.elements if element.kind == "heading"]
    ends = [element.start for element in headings[1:]] + [len(document.text)]
    return [(element.end, end) for element, end in zip(headings, ends, strict=True)]


# ---------------------------------------------------------------- documents


def cut(name: str, document: Document, embedder: Embedder, budget: int) -> Cut:
    """The document as it would be ingested."""
    chunks = chunk(document, embedder.count_tokens, budget)
    texts = [one.sentence_texts() for one in chunks]
    vectors = embedder.embed_passages([text for group in texts for text in group]).astype(np.float16)
    return Cut(
        name, document, chunks, tuple(np.split(vectors, np.cumsum([len(group) for group in texts])[:-1]))
    )


def articles(file: Path) -> Iterator[tuple[str, Document, list[Asked]]]:
    """XQuAD's articles, each with its questions."""
    for number, article in enumerate(json.loads(file.read_text("utf-8"))["data"]):
        paragraphs = [paragraph["context"] for paragraph in article["paragraphs"]]
        title = article["title"].replace("_", " ")
        parsed = Parsed(title, tuple(Block("text", text) for text in paragraphs), "text/plain")
        sha256 = hashlib.sha256("\n".join(paragraphs).encode()).hexdigest()
        document = to_document(parsed, title, sha256, 1)
        name, asked = f"{number:02d}", []
        for paragraph, element in zip(article["paragraphs"], document.elements, strict=True):
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                start = document.text.find(answer["text"], element.start, element.end)
                # blanks that the parser tidied can part an answer from its text: its offset is near enough
                start = start if start >= 0 else min(element.start + answer["answer_start"], element.end - 1)
                asked.append(Asked(question["question"], name, (start, start + len(answer["text"]))))
        yield name, document, asked


def manual(folder: Path, settings: Settings) -> dict[str, Document]:
    """The chapters of the manual in one language, by name."""
    found = {}
    with Parser(settings.ingest) as parser:
        for path in sorted(folder.glob("*.html")):
            data = path.read_bytes()
            parsed = parser.parse(data, path.name)
            sha256 = hashlib.sha256(data).hexdigest()
            found[path.name] = to_document(parsed, title_of(path.name), sha256, len(data))
    return found


# ---------------------------------------------------------------- queries


def aligned(one: dict[str, Document], other: dict[str, Document]) -> Iterator[tuple[str, int, Span, Span]]:
    """Sections of chapters that have the same number of headings in both: name, number, both spans."""
    for name in sorted(one.keys() & other.keys()):
        pair = sections(one[name]), sections(other[name])
        if len(pair[0]) == len(pair[1]):
            yield from ((name, i, a, b) for i, (a, b) in enumerate(zip(*pair, strict=True)))


def _code(name: str) -> str:
    return name.partition("-")[0]


def _readable(text: str, spoken: str) -> bool:
    """Whether a sentence says something in that language: no command, no untranslated text."""
    letters = len("".join(_WORDS.findall(text)))
    least, most = (15, 120) if spoken in CJK else (50, 250)
    return (
        least <= len(text) <= most and letters > 0.6 * len(text.replace(" ", "")) and language(text) == spoken
    )


def asked_sentences(
    one: dict[str, Document], other: dict[str, Document], spoken: str, wanted: str, count: int
) -> list[Asked]:
    """One sentence of each section, ``count`` of them, drawn with the seed."""
    rng = random.Random(SEED)
    texts = {name: fold(document.text) for name, document in other.items()}
    found = []
    for name, _, span, target in aligned(one, other):
        body = one[name].text[slice(*span)]
        spoken_in = [body[a:b] for a, b in sentences(body)]
        fit = [s for s in spoken_in if _readable(s, spoken) and fold(s) not in texts[name]]
        if fit and language(other[name].text[slice(*target)]) == wanted:
            found.append(Asked(rng.choice(fit), name, target))
    return rng.sample(found, min(count, len(found)))


def asked_headings(
    one: dict[str, Document], other: dict[str, Document], spoken: str, wanted: str, count: int
) -> list[Asked]:
    """Headings of sections, without their numbers, that stand once in the manual and read differently in the
    other language.
    """

    def bare(document: Document, number: int) -> str:
        headings = [element for element in document.elements if element.kind == "heading"]
        return _NUMBER.sub("", document.text[headings[number].start : headings[number].end])

    rng = random.Random(SEED)
    pairs = [
        (bare(one[name], i), bare(other[name], i), name, target)
        for name, i, _, target in aligned(one, other)
        if target[1] - target[0] > 40 and language(other[name].text[slice(*target)]) == wanted
    ]
    texts = [text for text, *_ in pairs]
    found = [
        Asked(text, name, target)
        for text, translated, name, target in pairs
        if texts.count(text) == 1
        and fold(text) != fold(translated)
        and (len(text) >= 4 if spoken in CJK else len(_WORDS.findall(text)) >= 2)
    ]
    return rng.sample(found, min(count, len(found)))


# ---------------------------------------------------------------- measuring


class Library:
    """A collection of cut documents, stored in one variant."""

    def __init__(
        self, cuts: Sequence[Cut], variant: str, base: Settings, embedder: Embedder, home: Path
    ) -> None:
        self._settings = base.model_copy(update={"home": home})
        self._embedder = embedder
        self._store = Store.open(self._settings)
        ledger = Ledger(self._store)
        space = ledger.active_space(embedder.fingerprint, embedder.dimension)
        parts = [shown(one.document, one.chunks, variant) for one in cuts]
        vectors = embed(parts, embedder)
        for one, (title, chunks), whole in zip(cuts, parts, vectors, strict=True):
            document = replace(one.document, title=title, titled=True)
            prepared = Prepared(document, chunks, Embedded(whole.vectors, one.sentences), Signature(b"", ""))
            ledger.put(prepared, [Place(one.name, one.name)], "bench", space)
        self._index = DenseIndex(self._store, self._settings.index_dir, embedder)

    def ranks(self, asked: Sequence[Asked]) -> Ranks:
        """At which rank (from 1; 0: not at all) each step has the first passage that answers."""
        found: Ranks = {step: [] for step in STEPS}
        for one in asked:
            at = self._store, self._embedder, self._index
            query, hits = retrieve(one.text, *at, User(), self._settings.retrieve, Timer())
            lists = {
                "dense": _sorted(hits, lambda hit: hit.dense),
                "lexical": _sorted(hits, lambda hit: hit.lexical),
                "reranked": rerank(query, hits, self._store, self._index, self._embedder, len(hits)),
            }
            for step, ranked in lists.items():
                right = (n for n, hit in enumerate(ranked, start=1) if _answers(hit, one))
                found[step].append(next(right, 0))
        return found

    def close(self) -> None:
        self._store.close()


def _sorted(hits: Iterable[Hit], score: Callable[[Hit], float | None]) -> list[Hit]:
    scored = [(value, hit) for hit in hits if (value := score(hit)) is not None]
    return [hit for _, hit in sorted(scored, key=lambda item: -item[0])]


def _answers(hit: Hit, asked: Asked) -> bool:
    (start, end), chunk_ = asked.span, hit.chunk
    return hit.document.source == asked.name and chunk_.start < end and chunk_.end > start


def figures(ranks: Ranks) -> dict[str, dict[str, float]]:
    """Recall at 1 and 5 and mean reciprocal rank of each step."""
    told = {}
    for step, values in ranks.items():
        n = len(values)
        told[step] = {
            "r@1": round(sum(rank == 1 for rank in values) / n, 3),
            "r@5": round(sum(1 <= rank <= 5 for rank in values) / n, 3),
            "mrr": round(sum(1 / rank for rank in values if rank) / n, 3),
        }
    return told


def gained(now: Ranks, before: Ranks) -> dict[str, tuple[int, int]]:
    """By step: queries that came to the first rank, and that lost it."""
    told = {}
    for step in STEPS:
        pairs = list(zip(now[step], before[step], strict=True))
        told[step] = sum(a == 1 != b for a, b in pairs), sum(b == 1 != a for a, b in pairs)
    return told


def compare(
    name: str,
    cuts: Sequence[Cut],
    queries: dict[str, list[Asked]],
    variants: Sequence[str],
    settings: Settings,
    embedder: Embedder,
) -> dict[str, object]:
    """Figures of each set of queries in each variant; prints them as they come, with how many queries got
    their first rank that did not have it in each variant before, and how many lost it.
    """
    passages = sum(len(one.chunks) for one in cuts)
    report: dict[str, object] = {}
    before: dict[str, dict[str, Ranks]] = {label: {} for label in queries}
    for variant in variants:
        with tempfile.TemporaryDirectory(prefix="citewell-context-") as home:
            library = Library(cuts, variant, settings, embedder, Path(home))
            for label, asked in ((label, asked) for label, asked in queries.items() if asked):
                ranks = library.ranks(asked)
                told = figures(ranks)
                gains = {other: gained(ranks, seen) for other, seen in before[label].items()}
                before[label][variant] = ranks
                entry = {
                    "queries": len(asked),
                    "passages": passages,
                    "steps": told,
                    "gained_lost_at_1": gains,
                }
                report[f"{label} | {variant}"] = entry
                row = "; ".join(
                    f"{s} {v['r@1']:.3f} / {v['r@5']:.3f} / {v['mrr']:.3f}" for s, v in told.items()
                )
                print(
                    f"{name} | {label} | {variant} | n={len(asked)} of {passages}: {row} | {gains}",
                    flush=True,
                )
            library.close()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("parallel", type=Path)
    parser.add_argument("--count", type=int, default=300, help="queries of a kind at most; XQuAD: twice that")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    os.nice(10)
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    budget = settings.ingest.chunk_tokens
    report: dict[str, object] = {"machine": machine(), "seed": SEED}
    for spoken in ("en", "zh", "de"):
        read = list(articles(options.data / f"xquad.{spoken}.json"))
        cuts = [cut(name, document, embedder, budget) for name, document, _ in read]
        all_asked = [one for _, _, asked in read for one in asked]
        asked = random.Random(SEED).sample(all_asked, min(2 * options.count, len(all_asked)))
        queries = {f"{spoken} questions": asked}
        report[f"xquad {spoken}"] = compare("XQuAD", cuts, queries, ("body", "title"), settings, embedder)
    books = {name: manual(options.parallel / name, settings) for pair in PAIRS for name in pair}
    for target in dict.fromkeys(to for _, to in PAIRS):
        queries = {}
        for source in (of for of, to in PAIRS if to == target):
            pair = books[source], books[target], _code(source), _code(target), options.count
            queries[f"{source} -> {target}, sentences"] = asked_sentences(*pair)
            queries[f"{source} -> {target}, headings"] = asked_headings(*pair)
        cuts = [cut(name, document, embedder, budget) for name, document in books[target].items()]
        report[f"manual {target}"] = compare("manual", cuts, queries, VARIANTS, settings, embedder)
    if options.out:
        options.out.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
