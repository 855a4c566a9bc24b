"""The usual LangChain loop as its guides write it: load, split, embed, FAISS.from_documents.

Run by ingest_speed.py in an environment of its own, because Citewell does without langchain-community:

    python langchain_loop.py FOLDER MODEL

Loaders are the common fast ones (BeautifulSoup over lxml for HTML, pypdf for PDF), chunks of 1,000 characters
with an overlap of 200, embeddings by HuggingFaceEmbeddings as it comes. It embeds in float32, the precision
that the model is published in; MODEL, unpacked by Citewell, stores half precision, which torch computes no
faster on a CPU. The time of imports and of loading the model is left out."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import torch
from langchain_community.document_loaders import (  # type: ignore[import-not-found]
    BSHTMLLoader,
    PyPDFLoader,
)
from langchain_community.vectorstores import FAISS  # type: ignore[import-not-found]
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings  # type: ignore[import-not-found]
from langchain_text_splitters import RecursiveCharacterTextSplitter  # type: ignore[import-not-found]


def load(folder: Path) -> tuple[list[Document], int, int]:
    """The documents of all files, how many files gave one, and how many failed."""
    documents: list[Document] = []
    files = failed = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        loader = (
            PyPDFLoader(str(path))
            if path.suffix == ".pdf"
            else BSHTMLLoader(str(path), open_encoding="utf-8")
        )
        try:
            documents += loader.load()
            files += 1
        except Exception as error:  # whatever a loader raises, the loop goes on
            print(f"{path}: {error}", file=sys.stderr)
            failed += 1
    return documents, files, failed


def main() -> None:
    folder, model = Path(sys.argv[1]), sys.argv[2]
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    embeddings = HuggingFaceEmbeddings(
        model_name=model,
        model_kwargs={
            "local_files_only": True,
            "model_kwargs": {"dtype": torch.float32, "add_pooling_layer": False},
        },
    )
    embeddings.embed_documents(["warm up"])
    begin = time.perf_counter()
    documents, files, failed = load(folder)
    loaded = time.perf_counter()
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    chunks = splitter.split_documents(documents)
    split = time.perf_counter()
    index = FAISS.from_documents(chunks, embeddings)
    end = time.perf_counter()
    report = {
        "documents": files,
        "failed": failed,
        "chunks": index.index.ntotal,
        "characters": sum(len(document.page_content) for document in documents),
        "load_s": round(loaded - begin, 1),
        "split_s": round(split - loaded, 1),
        "embed_and_index_s": round(end - split, 1),
        "seconds": round(end - begin, 2),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
