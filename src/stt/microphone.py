"""The microphone of this machine, transcribed as one speaks."""

from __future__ import annotations

import sys
from queue import SimpleQueue
from typing import Any

import numpy as np

from .errors import StreamError
from .live import LiveTranscriber
from .model import Model
from .pcm import Pcm

_BLOCK_SECONDS = 0.1


def transcribe_microphone(model: Model) -> None:
    """Print utterances as they end, and on the terminal's error stream as they grow, until Ctrl-C.

    Raises:
        StreamError: sounddevice is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: PortAudio itself is missing
        raise StreamError(
            f"--mic needs the package sounddevice and PortAudio ({error}); install them with: "
            "pip install sounddevice, and on Debian: apt install libportaudio2"
        ) from None
    blocks: SimpleQueue[Pcm] = SimpleQueue()

    def on_audio(data: Any, *_: object) -> None:
        blocks.put(np.frombuffer(bytes(data), np.int16))

    rate_hz = model.sample_rate()
    live = LiveTranscriber(model)
    try:
        with sounddevice.RawInputStream(
            rate_hz, int(rate_hz * _BLOCK_SECONDS), channels=1, dtype="int16", callback=on_audio
        ):
            print("Speak; Ctrl-C ends.", file=sys.stderr)
            while True:
                _show(live, blocks.get())
    except KeyboardInterrupt:
        print(f"\r\x1b[K{live.finish().text}")
    except sounddevice.PortAudioError as error:
        raise StreamError(f"--mic: the microphone cannot be opened ({error})") from None


def _show(live: LiveTranscriber, block: Pcm) -> None:
    for utterance in live.feed(block):
        print(f"\r\x1b[K{utterance.text}", flush=True)
    current = live.current()
    if current is not None and sys.stderr.isatty():
        print(f"\r\x1b[K{current.text[-100:]}", end="", file=sys.stderr, flush=True)
