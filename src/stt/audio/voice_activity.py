"""Voice activity detection in audio of any length, in bounded memory.

The detector is WebRTC's (`webrtcvad-wheels`). Upstream's rule opens a segment when more than half
of the last ten frames are voiced, and closes it when more than half are unvoiced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import FlagError
from ..extras import missing_packages
from .pcm import Pcm

# 0 to 3. Upstream's 3 cuts off the beginnings of words: on clips joined with pauses, the word error
# rate is a twentieth higher.
AGGRESSIVENESS = 2
FRAME_MILLISECONDS = 30
WATCHED_FRAMES = 10
# Frames added before those that open a segment: the soft first sounds of a word are not detected.
_LEAD_FRAMES = 5
_DETECTOR_RATES_HZ = (8000, 16000, 32000, 48000)
LONGEST_SEGMENT_SECONDS = 60  # bounds memory, since music and noise may have no pauses


@dataclass(frozen=True)
class Segment:
    """A segment of audio that contains speech.

    Attributes:
        start_milliseconds: start of the segment in the audio.
        end_milliseconds: end of the segment in the audio.
        samples: int16 `[samples]`. They include up to 0.27 s of silence at the start and 0.18 s at
            the end.
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
    """Yield the segments of speech in audio as they are found.

    Args:
        blocks: int16 `[samples]` each, of any size.
        sample_rate_hz: sample rate of the audio; any.
        aggressiveness: 0 to 3; higher values classify more frames as silence.

    Raises:
        FlagError: the aggressiveness is out of range, or webrtcvad is not installed.
    """
    try:
        from webrtcvad import Vad
    except ImportError:
        raise FlagError(f"to find speech, {missing_packages('webrtcvad')}") from None
    if aggressiveness not in range(4):
        raise FlagError(f"--vad_aggressiveness {aggressiveness}: must be 0, 1, 2 or 3")
    vad = Vad(aggressiveness)

    def is_speech(frame: Pcm) -> bool:
        if sample_rate_hz in _DETECTOR_RATES_HZ:
            return bool(vad.is_speech(frame.tobytes(), sample_rate_hz))
        # Linear interpolation suffices: the detector uses only energies up to 4 kHz.
        points = np.linspace(0, len(frame) - 1, 16 * FRAME_MILLISECONDS)
        near = np.interp(points, np.arange(len(frame)), frame).astype(np.int16)
        return bool(vad.is_speech(near.tobytes(), 16000))

    frames = _frames(blocks, sample_rate_hz * FRAME_MILLISECONDS // 1000)
    yield from _segments(((frame, is_speech(frame)) for frame in frames), sample_rate_hz)


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


def _segments(frames: Iterable[tuple[Pcm, bool]], sample_rate_hz: int) -> Iterator[Segment]:
    longest_frames = LONGEST_SEGMENT_SECONDS * 1000 // FRAME_MILLISECONDS
    lead: deque[Pcm] = deque(maxlen=_LEAD_FRAMES)  # the frames before `watched`
    watched: deque[tuple[Pcm, bool]] = deque()
    segment: list[Pcm] = []
    samples = 0  # of all frames so far
    for frame, is_speech in frames:
        samples += len(frame)
        watched.append((frame, is_speech))
        if len(watched) > WATCHED_FRAMES:
            lead.append(watched.popleft()[0])
        voiced = sum(speech for _, speech in watched)
        if not segment:
            if voiced > WATCHED_FRAMES / 2:
                segment = [*lead, *(watched_frame for watched_frame, _ in watched)]
                watched.clear()
                lead.clear()
            continue
        segment.append(frame)
        pauses = len(watched) - voiced > WATCHED_FRAMES / 2
        if pauses or len(segment) >= longest_frames:
            yield _segment(segment, samples, sample_rate_hz)
            segment = []
            watched.clear()
            lead.clear()
    if segment:
        yield _segment(segment, samples, sample_rate_hz)


def _segment(frames: list[Pcm], end_samples: int, sample_rate_hz: int) -> Segment:
    samples = np.concatenate(frames)
    start, end = (
        round(1000 * position / sample_rate_hz)
        for position in (end_samples - len(samples), end_samples)
    )
    return Segment(start, end, samples)
