"""Transcribes the microphone of this machine live."""

from __future__ import annotations

import sys
from queue import Full, Queue
from typing import Any

import numpy as np

from .audio.pcm import Pcm
from .errors import StreamError
from .extras import missing_packages
from .live import LiveTranscriber
from .model import Model
from .terminal import printable

_BLOCK_SECONDS = 0.1
_BLOCKS_BEHIND = 300  # longest queue of blocks for a model that is slower than real time


def transcribe_microphone(model: Model) -> None:
    """Print utterances as they end, and on a terminal's stderr as they grow, until Ctrl-C.

    If the model falls half a minute behind, audio is dropped, which is reported at the end.

    Raises:
        StreamError: sounddevice is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise StreamError(
            f"--mic needs the package sounddevice ({error}): {missing_packages('sounddevice')}"
        ) from None
    except OSError as error:
        raise StreamError(
            f"--mic needs the library PortAudio ({error}); install it, on Debian with: "
            "apt install libportaudio2"
        ) from None
    blocks: Queue[Pcm] = Queue(_BLOCKS_BEHIND)
    lost_blocks = 0

    def on_audio(data: Any, *_: object) -> None:
        nonlocal lost_blocks
        try:
            blocks.put_nowait(np.frombuffer(bytes(data), np.int16))
        except Full:
            lost_blocks += 1

    rate_hz = model.sample_rate()
    live = LiveTranscriber(model)
    try:
        with sounddevice.RawInputStream(
            rate_hz, int(rate_hz * _BLOCK_SECONDS), channels=1, dtype="int16", callback=on_audio
        ):
            print("Speak; press Ctrl-C to stop.", file=sys.stderr)
            while True:
                _show(live, blocks.get())
    except KeyboardInterrupt:
        print(f"\r\x1b[K{printable(live.finish().text)}")
        if lost_blocks:
            print(
                f"The model is too slow for live audio: {lost_blocks * _BLOCK_SECONDS:.0f} s were "
                "lost; use a smaller model, or a lower --beam_width",
                file=sys.stderr,
            )
    except sounddevice.PortAudioError as error:
        raise StreamError(
            f"--mic: no microphone can be opened ({error}); connect one, or give "
            "--audio - and pipe audio into it"
        ) from None


def _show(live: LiveTranscriber, block: Pcm) -> None:
    for utterance in live.feed(block):
        print(f"\r\x1b[K{printable(utterance.text)}", flush=True)
    current = live.current()
    if current is not None and sys.stderr.isatty():
        print(f"\r\x1b[K{printable(current.text[-100:])}", end="", file=sys.stderr, flush=True)
