"""The document path of Haystack, LlamaIndex and txtai as their guides write it, at their defaults.

Run by ingest_speed.py in the environment that it makes for such peers:

    python peer_loops.py haystack|llamaindex|txtai FOLDER MODEL

Each loads the HTML and PDF files of FOLDER with its own converters, cuts them with its own splitter, and
embeds them with MODEL through its own wrapper of sentence-transformers, in float32, the precision that the
model is published in. Splitters differ (200 words; 1,024 tokens, of which the model reads 512; sections), so
that the passages are counted, too. The time of imports and of loading the model is left out.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

KWARGS = {"dtype": torch.float32, "add_pooling_layer": False}
WARM = "warm up"


def haystack(folder: Path, model: str) -> Callable[[], int]:
    from haystack.components.converters import (  # type: ignore[import-not-found]
        HTMLToDocument,
        PyPDFToDocument,
    )
    from haystack.components.preprocessors import DocumentSplitter  # type: ignore[import-not-found]
    from haystack.document_stores.in_memory import InMemoryDocumentStore  # type: ignore[import-not-found]
    from haystack_integrations.components.embedders.sentence_transformers import (  # type: ignore[import-not-found]
        SentenceTransformersDocumentEmbedder,
    )

    embedder = SentenceTransformersDocumentEmbedder(
        model=model, prefix="passage: ", model_kwargs=KWARGS, progress_bar=False, local_files_only=True
    )
    embedder.warm_up()

    def run() -> int:
        of = {".html": HTMLToDocument(), ".pdf": PyPDFToDocument()}
        found = []
        for suffix, converter in of.items():
            files = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())
            found += converter.run(sources=files)["documents"]
        chunks = DocumentSplitter().run(documents=[one for one in found if one.content])["documents"]
        store = InMemoryDocumentStore()
        store.write_documents(embedder.run(documents=chunks)["documents"])
        return int(store.count_documents())

    return run


def llamaindex(folder: Path, model: str) -> Callable[[], int]:
    from llama_index.core import SimpleDirectoryReader, VectorStoreIndex  # type: ignore[import-not-found]
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding  # type: ignore[import-not-found]
    from llama_index.readers.file import HTMLTagReader, PDFReader  # type: ignore[import-not-found]

    embedder = HuggingFaceEmbedding(model_name=model, model_kwargs=KWARGS)
    embedder.get_text_embedding(WARM)

    def run() -> int:
        readers = {".html": HTMLTagReader("body", ignore_no_id=False), ".pdf": PDFReader()}
        reader = SimpleDirectoryReader(str(folder), recursive=True, file_extractor=readers)
        index = VectorStoreIndex.from_documents(reader.load_data(), embed_model=embedder)
        return len(index.vector_store.data.embedding_dict)

    return run


def txtai(folder: Path, model: str) -> Callable[[], int]:
    from txtai import Embeddings  # type: ignore[import-not-found]
    from txtai.pipeline import Textractor  # type: ignore[import-not-found]

    embeddings = Embeddings(path=model, content=True)
    embeddings.transform(WARM)

    def run() -> int:
        sections = Textractor(sections=True)
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in (".html", ".pdf"))
        embeddings.index(part for path in files for part in sections(str(path)))
        return int(embeddings.count())

    return run


def main() -> None:
    name, folder, model = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    logging.disable(logging.WARNING)
    run = {"haystack": haystack, "llamaindex": llamaindex, "txtai": txtai}[name](folder, model)
    begin = time.perf_counter()
    chunks = run()
    print(json.dumps({"chunks": chunks, "seconds": round(time.perf_counter() - begin, 2)}))


if __name__ == "__main__":
    main()
