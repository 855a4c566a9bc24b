"""What the machine must have before environments are made: a new enough Python, a compiler, room on the disk.

Uses the standard library alone, and syntax that an old Python can read, because nothing is installed yet.
"""

import shutil
import sys
from typing import Iterator  # noqa: UP035 - an old Python must be able to read this file

NEWEST_TOO_OLD = (3, 10)
NEEDED_GB = 12.0


def problems(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, what to do) for this machine."""
    if sys.version_info[:2] <= NEWEST_TOO_OLD:
        yield (
            "Python {}.{} is too old; Citewell needs 3.11 or newer.".format(*sys.version_info[:2]),
            "Install a newer Python and run: make PYTHON=/path/to/python3.11 ...",
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        yield ("This Python cannot make virtual environments.", "On Debian: apt-get install python3-venv")
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        yield ("There is no C compiler; vLLM needs one.", "On Debian: apt-get install gcc g++")
    free = shutil.disk_usage(folder).free / 1e9
    if free < NEEDED_GB:
        yield (
            f"Only {free:.1f} GB of disk are free here; environments and models need {NEEDED_GB:.0f} GB.",
            "Free some space, or clone the project onto a larger disk.",
        )


def main() -> None:
    """Print every problem with its remedy; exit 1 when there is one."""
    found = list(problems("."))
    for problem, remedy in found:
        sys.stderr.write(f"citewell: {problem}\n          {remedy}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
