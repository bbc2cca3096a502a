"""The web page, in a headless browser whose microphone plays a real clip."""

import base64
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from browser import ENGINE, launched, needs_browser, refused, stumbles, visited
from server_process import served
from stt_models import ORACLE, SENTENCE, needs_oracle, speech

pytest.importorskip("fastapi")

pytestmark = [needs_oracle, needs_browser, pytest.mark.slow]
# For engines that cannot use a file as microphone: a script that replaces `getUserMedia`.
MICROPHONE = """if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => {
  const samples = Float32Array.from(new Int16Array(
    Uint8Array.from(atob(SAMPLES), one => one.charCodeAt(0)).buffer), one => one / 32768);
  const context = new AudioContext(), sound = context.createBuffer(1, samples.length, 16000);
  sound.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, {buffer: sound});
  const stream = context.createMediaStreamDestination();
  source.connect(stream);
  source.start();
  return stream.stream;
};"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("server"), "--beam_width", "50") as server:
        yield server.address


@pytest.fixture(scope="module")
def said():
    return np.concatenate([speech(), np.zeros(16000 * 20, np.int16)])


@pytest.fixture(scope="module")
def browser(said, tmp_path_factory):
    """Yield a browser whose microphone plays a file, if the engine supports that."""
    file = tmp_path_factory.mktemp("microphone") / "said.wav"
    soundfile.write(file, said, 16000)
    flags = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}%noloop",
    )
    with launched(chromium_args=flags) as found:
        yield found


@pytest.fixture
def page(browser, address, said):
    samples = base64.b64encode(said.tobytes()).decode()
    script = "" if ENGINE == "chromium" else MICROPHONE.replace("SAMPLES", f"'{samples}'")
    with ready(browser, address, script) as page:
        yield page


@contextmanager
def ready(browser, address, script):
    """Yield the page once it can be used; fail if one of its scripts failed."""
    page = visited(browser, address, script=script)
    page.wait_for_selector(".state.ready")
    yield page
    assert not page.problems, page.problems
    assert not refused(page)  # the policy allows the page's own scripts
    page.context.close()


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
    assert not stumbles(page)


def test_a_file_that_is_no_audio_is_told(page, tmp_path):
    text = tmp_path / "notes.wav"
    text.write_text("these are notes")
    page.set_input_files("#file", text)
    page.wait_for_selector("#message:visible")
    assert "not an audio file" in page.inner_text("#message")


def test_speech_appears_while_it_is_spoken(page):
    page.click("#record")
    page.wait_for_selector(".partial .word")  # words that are not final
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
    assert last["y"] + last["height"] <= size[1]  # the last words are visible, too
    page.evaluate("document.getElementById('sheet').scrollTop = 0")
    page.evaluate("message => receive(message)", message)
    assert page.evaluate("document.getElementById('sheet').scrollTop") == 0  # where the user reads


def test_text_is_copied_without_the_newer_clipboard(address, browser):
    """Browsers have no clipboard API on pages of another machine without HTTPS."""
    script = """Object.defineProperty(Navigator.prototype, "clipboard", {value: undefined});
        addEventListener("copy", () => { window.copied = getSelection().toString()
            || document.activeElement.value; });"""
    with ready(browser, address, script) as page:
        word = {"word": "dark", "start": 0.0, "end": 0.2, "confidence": 1.0, "spaced": True}
        page.evaluate("it => receive(it)", {"type": "final", "text": "dark", "words": [word]})
        page.click("#copy")
        page.wait_for_selector("#copy:text('Copied')")
        assert page.evaluate("window.copied") == "dark\n"


def test_a_microphone_without_sound_is_told(address, browser):
    """In a browser without a playback device, the audio context never starts."""
    script = """{ const Paused = AudioContext; window.AudioContext = class extends Paused {
        constructor() { super(); this.suspend(); } resume() {} };
        if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () =>
            new Paused().createMediaStreamDestination().stream; }"""
    with ready(browser, address, script) as page:
        page.click("#record")
        page.wait_for_selector("#message:visible")
        assert "No sound from the microphone" in page.inner_text("#message")
        page.click("#record")
        page.wait_for_selector("#record:not(.live)")


def test_the_description_of_the_api_is_a_page_of_our_own(browser, address):
    page = visited(browser, address)
    page.click("text=API")
    page.wait_for_selector("code:text('/v1/audio/transcriptions')")
    assert not refused(page)
    assert not stumbles(page)
    page.context.close()


def test_a_server_with_a_token_asks_for_it_and_then_hears(browser, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test\n")
    flags = ("--beam_width", "50", "--processes", "1", "--token_file", str(token))
    with served(tmp_path, *flags) as server:
        page = visited(browser, server.address)
        assert not refused(page)
        assert not stumbles(page)
        page.fill("[name=token]", "a-token-of-this-test")
        page.click("button")
        page.wait_for_selector(".state.ready")
        assert "token" not in page.url
        page.set_input_files("#file", ORACLE / "wav/LDC93S1.wav")
        page.wait_for_selector("[data-save=txt]:enabled")
        assert [word.inner_text() for word in page.query_selector_all(".word")] == SENTENCE.split()
        page.context.close()
