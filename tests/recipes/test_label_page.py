"""The transcription page as people use it: `stt label` in a process, its page in a browser."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from browser import launched, needs_browser, refused, shows_paper, stumbles, visited
from coqui_stt_training.corpus import read_rows
from coqui_stt_training.train import main as train
from label_desks import write_recordings
from stt_models import noise, random_deployment

pytest.importorskip("fastapi")
pytestmark = [needs_browser, pytest.mark.slow]


@contextmanager
def labelling(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `stt label` on a free port; yield its process and URL."""
    log = folder / "label.log"
    command = [sys.executable, "-u", "-m", "stt", "label", *words, "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        while not (found := re.search(r"Open (\S+) in a browser", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield process, found[1]
    finally:
        if process.poll() is None:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()
        assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as found:
        yield found


@contextmanager
def visiting(browser: Any, address: str, name: str) -> Iterator[Any]:
    """Yield the page as a person of that name sees it, with a clip open."""
    page = visited(browser, address)
    page.wait_for_selector("#desk-area")
    say_name(page, name)
    page.focus("#text")
    yield page
    assert not page.problems + refused(page)
    page.context.close()


def say_name(page: Any, name: str) -> None:
    """Enter a name by typing, so that every engine fires a change event when the field is left."""
    page.click("#person")
    page.keyboard.type(name)


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true; the page's policy forbids Playwright's own way to wait."""
    for _ in range(400):
        if page.evaluate(expression):
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {expression}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model

    write_recordings(tmp_path / "in", 4)
    soundfile.write(tmp_path / "in/b-long.wav", noise(7), 16000)
    deployment = random_deployment(labels=" abcdefghijklmnopqrstuvwxyz")
    (tmp_path / "model.tflite").write_bytes(tflite_model(deployment, quantize=False))
    return tmp_path


def test_clips_are_corrected_by_keys_and_can_be_trained_on(
    folder: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("in", "--out", "data.csv", "--model", "model.tflite", "--clip_seconds", "3")
    with (
        labelling(folder, *words) as (process, address),
        visiting(browser, address, "Anna") as page,
    ):
        until(page, "clip.draft.state === 'ready' && samples !== null")
        assert page.input_value("#text")  # the draft
        assert page.query_selector("#mirror .doubt")  # an untrained model has low confidence
        assert page.query_selector("#words span")
        page.fill("#text", "Só it is")
        assert page.inner_text("#marks").endswith("the model has no letter for S ó")
        page.keyboard.press("Alt+ArrowDown")
        page.keyboard.press("Alt+Enter")
        assert page.inner_text("#speed") == "0.9×"
        assert page.evaluate("player.loop !== null")
        page.keyboard.press("Enter")
        until(page, "clip.number === 2")
        assert rows(folder) == {"in/a0.wav": "Só it is"}
        page.keyboard.press("Shift+PageDown")
        page.keyboard.press("2")
        until(page, "clip.number === 3")
        page.fill("#text", "kept in the browser")
        page.keyboard.press("PageUp")
        until(page, "clip.number === 2")
        assert page.inner_text("#clip-state") == "rejected: not to be understood by Anna"
        page.keyboard.press("PageDown")
        until(page, "clip.number === 3")
        assert page.input_value("#text") == "kept in the browser"
        until(page, "desk.progress.cut === 5 && desk.progress.clips > 5")  # one recording is long
        page.select_option("#show", "accepted")
        until(page, "listed.total === 1")
        page.click("#show-training")
        page.wait_for_selector("#training-dialog[open]")
        command = page.inner_text("#command")
        page.evaluate("fillPaper(listed.clips)")
        if shows_paper(page):
            assert "Só it is" in page.inner_text("#paper")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with labelling(folder, *words) as (_, address), visiting(browser, address, "Anna") as page:
        until(page, "desk.progress.accepted === 1 && desk.progress.rejected === 1")
        assert page.evaluate("clip.number") == 3
    words_of = command.replace("\\\n", " ").split()
    assert words_of[:3] == ["python", "-m", "coqui_stt_training.train"]
    monkeypatch.chdir(folder)
    assert train([*words_of[3:], "--dry_run", "true"]) == 0  # the flags and the data are valid


def rows(folder: Path) -> dict[str, str]:
    return {row.audio_name: row.transcript for row in read_rows(folder / "data.csv").rows}


def test_two_people_keep_out_of_each_others_way(folder: Path, browser: Any) -> None:
    shutil.rmtree(folder / "in")
    write_recordings(folder / "in", 2)
    with (
        labelling(folder, "in", "--out", "data.csv") as (_, address),
        visiting(browser, address, "Anna") as anna,
        visiting(browser, address, "Ben") as ben,
    ):
        assert anna.evaluate("clip.number") == 1
        assert ben.evaluate("clip.number") == 2
        ben.click("#list button >> nth=0")
        until(ben, "clip.number === 1")
        assert "Anna works on this clip now" in ben.inner_text("#notice")
        anna.fill("#text", "what anna heard")
        anna.keyboard.press("Enter")
        until(anna, "clip.number === 2")
        ben.fill("#text", "what ben heard")
        ben.keyboard.press("Enter")
        ben.wait_for_selector("#conflict")
        assert "Anna has saved this clip meanwhile" in ben.inner_text("#conflict")
        assert "what anna heard" in ben.inner_text("#conflict-text")
        assert rows(folder) == {"in/a0.wav": "what anna heard"}
        ben.click("#keep-mine")
        ben.wait_for_selector("#conflict", state="hidden")
        until(ben, "clip === null || clip.version === 2")
        assert rows(folder) == {"in/a0.wav": "what ben heard"}
        assert "what ben heard" not in anna.inner_text("#list")
        anna.evaluate("renew()")  # the page does this every 40 seconds
        anna.wait_for_selector("#list li:has-text('what ben heard')")
        assert not stumbles(anna)


def test_a_change_of_name_and_a_quick_click_keep_the_clip_that_is_open(
    folder: Path, browser: Any
) -> None:
    """The request that renews the old clip's lease is sent first and may arrive late."""
    shutil.rmtree(folder / "in")
    write_recordings(folder / "in", 3)
    late: list[Any] = []
    with (
        labelling(folder, "in", "--out", "data.csv") as (_, address),
        visiting(browser, address, "Anna") as anna,
    ):
        anna.route("**/open", lambda it: it.continue_() if late else late.append(it))
        say_name(anna, " Maria")
        anna.click("#list button >> nth=1")
        anna.wait_for_timeout(500)
        late[0].continue_()
        until(anna, "clip.number === 2 && samples !== null")
        with visiting(browser, address, "Ben") as ben:
            assert ben.evaluate("clip.number") == 1
            ben.click("#list button >> nth=1")
            until(ben, "clip.number === 2")
            assert "Anna Maria works on this clip now" in ben.inner_text("#notice")


def test_a_desk_that_others_can_reach_asks_for_a_token(folder: Path, browser: Any) -> None:
    words = ("in", "--out", "data.csv", "--host", "0.0.0.0")
    with labelling(folder, *words) as (_, address):
        local = address.replace("0.0.0.0", "127.0.0.1")
        page = visited(browser, local.partition("?")[0])
        page.fill("[name=token]", local.partition("token=")[2])
        page.click("text=Open >> nth=-1")
        page.wait_for_selector("#desk-area")
        assert "token" not in page.url
        page.context.close()
