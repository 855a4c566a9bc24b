"""The Slack bot against a stand-in of Slack: many mentions, redeliveries, kills, rate limits, the generator.

    python -m tests.bench.slack [storm] [crowd] [limits] [generator] [--events 1000] [--kills 5] [--out FILE]

A real server process and the stand-in of tests/fakes/slack, which runs here. Slack's waits between
redeliveries (0, 1, 5 minutes) are made seconds; answers are quotes but for ``generator``.

storm      ``--events`` mentions, 30% of them delivered twice or thrice, the server killed ``--kills`` times;
           what is not acknowledged is delivered again. Told: threads without an answer, threads with two
crowd      50 mentions at once: how long each acknowledgement takes
limits     one call in five of every method is refused with 429 and Retry-After: answers that are missing, and
           calls that came before they were allowed to
generator  `citewell up` with the default model and Slack's own rates: a mention in English and one in Chinese
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from statistics import median, quantiles

from rag.settings import GeneratorSettings
from tests.bench.ingest_speed import machine
from tests.fakes.slack import Message, Slack
from tests.fakes.slack.limits import Limits
from tests.flow.slack_house import house_of, until

PARTS = ("storm", "crowd", "limits", "generator")
QUESTIONS = (
    "How many days of annual leave do employees have?",
    "员工出差住宿费上限是多少？",
    "When do unused days of annual leave lapse?",
    "报销单须在几天内提交？",
)
SEED, EVERY_S = 3, 0.06
AGAIN_S = (0.1, 1.0, *[5.0] * 8)
END_S = 600.0


def unlimited(refusing: float = 0.0) -> Limits:
    return Limits(minute_s=0.0001, refusing=refusing)


def ask(slack: Slack, number: int, again: int = 0) -> tuple[Message, Future]:
    return slack.says(QUESTIONS[number % len(QUESTIONS)], "UANN", "CSTAFF", again=again)


def counted(slack: Slack, asked: Sequence[Message]) -> dict[str, object]:
    """Wait until each thread has a finished answer, or nothing has changed for a minute."""
    last, seen = time.monotonic(), -1
    end = last + END_S
    while (now := time.monotonic()) < min(end, last + 60) and seen < len(asked):
        done = {
            m.thread for m in slack.workspace.said("CSTAFF", seen_by="") if m.state == "done" and m.blocks
        }
        if len(done) != seen:
            seen, last = len(done), now
        time.sleep(0.2)
    per_thread = [len(slack.workspace.said("CSTAFF", one.ts, seen_by="")) for one in asked]
    return {
        "events": len(asked),
        "answered": seen,
        "lost": len(asked) - seen,
        "answered_twice": sum(count > 1 for count in per_thread),
    }


def storm(home: Path, events: int, kills: int) -> dict[str, object]:
    rng = random.Random(SEED)
    with Slack(limits=unlimited(), retry_s=AGAIN_S) as slack, house_of(home, slack, SLACK__PACE="0") as house:
        begun, both = time.monotonic(), []
        killing = sorted(rng.sample(range(events // 10, events - events // 10), kills))
        for number in range(events):
            both.append(ask(slack, number, rng.choice((1, 2)) if rng.random() < 0.3 else 0))
            if number in killing:
                house.kill()
                house.start()
            time.sleep(EVERY_S)
        sent = [future.result(END_S) for _, future in both]
        told = counted(slack, [asked for asked, _ in both])
        return {
            **told,
            "kills": kills,
            "deliveries": sum(one.times for one in sent),
            "undelivered": sum(one.took is None for one in sent),
            "seconds": round(time.monotonic() - begun),
        }


def crowd(home: Path) -> dict[str, object]:
    with Slack(limits=unlimited(), retry_s=AGAIN_S) as slack, house_of(home, slack, SLACK__PACE="0"):
        first, _ = ask(slack, 0)
        counted(slack, [first])
        both = [ask(slack, number) for number in range(50)]
        took = [future.result(20).took or 99.0 for _, future in both]
        told = counted(slack, [first, *(asked for asked, _ in both)])
    return {
        **told,
        "acknowledged_s": {
            "median": round(median(took), 3),
            "p95": round(quantiles(took, n=20)[18], 3),
            "most": round(max(took), 3),
        },
    }


def limits(home: Path, events: int = 60) -> dict[str, object]:
    with Slack(limits=unlimited(0.2), retry_s=AGAIN_S) as slack, house_of(home, slack, SLACK__PACE="0"):
        told = counted(slack, [ask(slack, number)[0] for number in range(events)])
    return {
        **told,
        "calls": len(slack.calls),
        "refused": slack.limits.refused,
        "too_soon": slack.limits.too_soon,
        "errors": slack.errors(),
    }


def generator(home: Path) -> dict[str, object]:
    model = GeneratorSettings().model
    report: dict[str, object] = {"model": model}
    with (
        Slack(limits=Limits()) as slack,
        house_of(home, slack, "up", GENERATOR__MODEL=model, SLACK__PACE="1"),
    ):
        for name, question in (("en", QUESTIONS[0]), ("zh", QUESTIONS[1])):
            begun = time.monotonic()
            asked, sent = slack.says(question, "UANN", "CSTAFF")
            until(lambda: slack.workspace.said("CSTAFF", asked.ts), "the first words")  # noqa: B023
            first = time.monotonic() - begun
            until(lambda: _whole(slack, asked), "the answer", END_S)  # noqa: B023
            (answer,) = slack.workspace.said("CSTAFF", asked.ts)
            report[name] = {
                "acknowledged_s": round(sent.result(20).took or 99.0, 3),
                "first_words_s": round(first, 2),
                "whole_s": round(time.monotonic() - begun, 2),
                "streamed": answer.streamed,
                "answer": answer.text,
            }
        report["errors"] = slack.errors()
        report["limits_exceeded"] = slack.limits.exceeded
    return report


def _whole(slack: Slack, asked: Message) -> bool:
    return any(m.state == "done" and m.blocks for m in slack.workspace.said("CSTAFF", asked.ts))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    made: dict[str, Callable[[Path], dict[str, object]]] = {
        "storm": lambda home: storm(home, arguments.events, arguments.kills),
        "crowd": crowd,
        "limits": limits,
        "generator": generator,
    }
    report: dict[str, object] = {"machine": machine()}
    for part in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            report[part] = made[part](Path(folder) / "home")
        print(json.dumps({part: report[part]}, ensure_ascii=False), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
