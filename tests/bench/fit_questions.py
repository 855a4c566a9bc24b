"""Write rag/calibration/questions.json: the mean vector of each language's ordinary questions
(rag/questions.toml), as the embedder of the settings computes it.

    python tests/bench/fit_questions.py

Other embedders than the packaged one's are kept in the file."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

import rag.calibration
from rag.foreign import ordinary_questions
from rag.models.embedder import Embedder
from rag.settings import load_settings

FILE = Path(rag.calibration.__file__).parent / "questions.json"


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    settings = load_settings()
    embedder = Embedder.load(settings.embedder, settings.models_dir)
    means = {
        spoken: [round(float(x), 4) for x in embedder.embed_queries(questions).mean(axis=0)]
        for spoken, questions in ordinary_questions().items()
    }
    known = json.loads(FILE.read_text("utf-8"))["embedders"] if FILE.exists() else {}
    told = {
        "name": "questions",
        "date": datetime.date.today().isoformat(),
        "command": "python tests/bench/fit_questions.py",
        "embedders": {**known, embedder.fingerprint: means},
    }
    FILE.write_text(json.dumps(told) + "\n", "utf-8")
    print(f"{len(means)} languages, {embedder.fingerprint}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
