"""The guided tour, shortened: all its commands run, and it ends with the next steps."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_tour_ends_with_a_model_and_what_to_do_next(tmp_path):
    command = [sys.executable, "examples/tour/tour.py", "--epochs", "1", "--output", str(tmp_path)]
    tour = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1200)
    assert tour.returncode == 0, tour.stdout[-2000:] + tour.stderr[-2000:]
    table, _, following = tour.stdout.partition("=== Next steps")
    assert len(re.findall(r"[0-9.]+% +[0-9.]+%$", table, re.MULTILINE)) >= 5
    commands = [
        shlex.split(line)
        for line in following.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]
    assert [words[1] for words in commands] == ["stt", "python", "python"]
    assert Path(commands[0][commands[0].index("--model") + 1]).is_file()
    assert Path(commands[1][commands[1].index("--load_checkpoint_dir") + 1]).is_dir()
    inspected = subprocess.run([sys.executable, *commands[2][2:]], capture_output=True, text=True)
    assert inspected.returncode == 0, inspected.stderr
