import os
from pathlib import Path

import pytest

from rag.home import make_home


def test_a_new_home_is_open_to_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "company" / "citewell"
    before = os.umask(0o022)
    try:
        make_home(home)
    finally:
        os.umask(before)
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.parent.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_home_that_is_there_keeps_its_rights(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    make_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == mode
