"""Voice activity: where in audio of any length somebody speaks, in bounded memory.

The detector is WebRTC's (`webrtcvad-wheels`), and what opens and closes a segment is upstream's
rule: more than half of the last ten frames are voiced, or unvoiced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import AudioError, FlagError
from ..extras import missing_packages
from .pcm import Pcm

FRAME_MILLISECONDS = 30
WATCHED_FRAMES = 10
SAMPLE_RATES_HZ = (8000, 16000, 32000, 48000)  # WebRTC's
LONGEST_SEGMENT_SECONDS = 60  # music and noise may never pause; memory is bounded all the same


@dataclass(frozen=True)
class Segment:
    """A stretch of speech.

    Attributes:
        start_milliseconds: from the start of the audio.
        end_milliseconds: likewise.
        samples: int16 `[samples]`, silence of up to 0.3 s at both ends included.
    """

    start_milliseconds: int
    end_milliseconds: int
    samples: Pcm

    @property
    def duration_milliseconds(self) -> int:
        """Length of the segment."""
        return self.end_milliseconds - self.start_milliseconds


def split_speech(
    blocks: Iterable[Pcm], sample_rate_hz: int, aggressiveness: int
) -> Iterator[Segment]:
    """Yield the stretches of speech in audio, as they are found.

    Args:
        blocks: the audio, in blocks of any size.
        sample_rate_hz: one of `SAMPLE_RATES_HZ`.
        aggressiveness: how readily a frame is taken for silence, 0 to 3.

    Raises:
        AudioError: the detector knows no audio of this sample rate.
        FlagError: another aggressiveness, or webrtcvad is not installed.
    """
    try:
        from webrtcvad import Vad
    except ImportError:
        raise FlagError(f"to find speech, {missing_packages('webrtcvad', 'transcribe')}") from None
    if sample_rate_hz not in SAMPLE_RATES_HZ:
        raise AudioError(
            f"the model's sample rate is {sample_rate_hz} Hz, and voice activity is found at "
            f"{', '.join(map(str, SAMPLE_RATES_HZ))} Hz only"
        )
    if aggressiveness not in range(4):
        raise FlagError(f"--vad_aggressiveness {aggressiveness}: must be 0, 1, 2 or 3")
    vad = Vad(aggressiveness)
    yield from _segments(
        (frame, vad.is_speech(frame.tobytes(), sample_rate_hz))
        for frame in _frames(blocks, sample_rate_hz * FRAME_MILLISECONDS // 1000)
    )


def _frames(blocks: Iterable[Pcm], frame_samples: int) -> Iterator[Pcm]:
    """Yield frames of equal length; the last one is padded with silence."""
    rest = np.zeros(0, np.int16)
    for block in blocks:
        rest = np.concatenate([rest, block])
        full = len(rest) // frame_samples
        yield from rest[: full * frame_samples].reshape(full, frame_samples)
        rest = rest[full * frame_samples :]
    if len(rest):
        yield np.pad(rest, (0, frame_samples - len(rest)))


def _segments(frames: Iterable[tuple[Pcm, bool]]) -> Iterator[Segment]:
    longest_frames = LONGEST_SEGMENT_SECONDS * 1000 // FRAME_MILLISECONDS
    watched: deque[tuple[Pcm, bool]] = deque(maxlen=WATCHED_FRAMES)
    segment: list[Pcm] = []
    count = 0
    for frame, is_speech in frames:
        count += 1
        watched.append((frame, is_speech))
        voiced = sum(speech for _, speech in watched)
        if not segment:
            if voiced > WATCHED_FRAMES / 2:
                segment = [watched_frame for watched_frame, _ in watched]
                watched.clear()
            continue
        segment.append(frame)
        pauses = len(watched) - voiced > WATCHED_FRAMES / 2
        if pauses or len(segment) >= longest_frames:
            yield _segment(segment, count)
            segment = []
            watched.clear()
    if segment:
        yield _segment(segment, count)


def _segment(frames: list[Pcm], frames_so_far: int) -> Segment:
    return Segment(
        (frames_so_far - len(frames)) * FRAME_MILLISECONDS,
        frames_so_far * FRAME_MILLISECONDS,
        np.concatenate(frames),
    )
