"""The web page, in a headless Chromium whose microphone hears a real clip."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from server_process import served
from stt_models import ORACLE, SENTENCE, needs_oracle, speech

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("fastapi")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    needs_oracle,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.slow,
]
PATIENCE_MILLISECONDS = 30_000


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("server"), "--beam_width", "50") as server:
        yield server.address


@pytest.fixture
def page(address, tmp_path):
    microphone = tmp_path / "microphone.wav"
    quiet = np.zeros(16000 * 20, np.int16)
    soundfile.write(microphone, np.concatenate([speech(), quiet]), 16000)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}%noloop",
            ],
        )
        context = browser.new_context(accept_downloads=True, permissions=["microphone"])
        page = context.new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.goto(address)
        page.wait_for_selector(".state.ready")
        yield page
        assert not problems
        browser.close()


def save(page, kind):
    with page.expect_download() as download:
        page.click(f"[data-save={kind}]")
    return download.value.suggested_filename, Path(download.value.path()).read_text()


def test_a_file_becomes_words_and_subtitles(page):
    page.set_input_files("#file", ORACLE / "wav/LDC93S1_44k_stereo.wav")
    page.wait_for_selector("[data-save=srt]:enabled")
    words = [word.inner_text() for word in page.query_selector_all(".word")]
    assert words == SENTENCE.split()
    assert "confidence" in page.query_selector(".word").get_attribute("title")
    name, srt = save(page, "srt")
    assert name == "LDC93S1_44k_stereo.srt"
    assert srt.startswith("1\n00:00:00,000 --> 00:00:0")
    assert srt.split("\n", 2)[2].split() == SENTENCE.split()
    assert save(page, "vtt")[1].startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert save(page, "txt")[1].strip() == SENTENCE
    assert '"confidence"' in save(page, "json")[1]


def test_a_file_that_is_no_audio_is_told(page, tmp_path):
    text = tmp_path / "notes.wav"
    text.write_text("these are notes")
    page.set_input_files("#file", text)
    page.wait_for_selector("#message:visible")
    assert "not an audio file" in page.inner_text("#message")


def test_speech_appears_while_it_is_spoken(page):
    page.click("#record")
    page.wait_for_selector(".partial .word")  # words that may still change
    page.wait_for_selector(".word >> nth=8")
    page.click("#record")
    page.wait_for_selector("#record:not(.live)")
    text = page.inner_text("#transcript")
    assert {"dark", "suit", "wash", "water", "your"} & set(text.split())
    assert page.is_enabled("[data-save=srt]")


@pytest.mark.parametrize("size", [(1280, 800), (390, 700)])
def test_buttons_stay_in_view_under_a_long_transcript(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    word = {"word": "year", "start": 0.0, "end": 0.2, "confidence": 1.0, "spaced": True}
    message = {"type": "final", "text": "year " * 30, "words": [word] * 30}
    page.evaluate("message => { for (let i = 0; i < 60; i++) receive(message); }", message)
    for button in page.query_selector_all("button"):
        box = button.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1]
    last = page.query_selector("#transcript p:last-child").bounding_box()
    assert last["y"] + last["height"] <= size[1]  # and what was said last
    page.evaluate("document.getElementById('sheet').scrollTop = 0")
    page.evaluate("message => receive(message)", message)
    assert page.evaluate("document.getElementById('sheet').scrollTop") == 0  # somebody reads there
