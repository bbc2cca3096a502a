"""Converts between Opus packets without a container, as in upstream's SDB files, and Ogg Opus.

A header of ten bytes gives the size of the decoded 16-bit samples in bytes, their rate, channels
and width. Each packet follows its length in two bytes. All numbers are big-endian. libsndfile can
decode the packets once they are wrapped in Ogg pages (RFC 3533, RFC 7845).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from ..errors import AudioError

RATES_HZ = (8000, 12000, 16000, 24000, 48000)  # sample rates of Opus

_HEADER = struct.Struct(">IIBB")
_GRANULES_HZ = 48000  # Ogg Opus counts samples at this rate, whatever the rate of the audio
_MOST_SEGMENTS = 255
_PAGE = struct.Struct("<4sBBqIIIB")
_PAGE_NAME = b"OggS"
_FIRST, _LAST = 2, 4
_SAMPLE_BYTES = 2


def ogg_of_packets(content: bytes, name: str) -> bytes:
    """Return an Ogg Opus file with the same packets.

    Args:
        content: header and packets.
        name: name of the audio, for errors.

    Raises:
        AudioError: the content is truncated, or its header or a packet is not valid for Opus.
    """
    if len(content) < _HEADER.size:
        raise AudioError(f"{name}: cut off; {len(content)} bytes hold no header of Opus packets")
    pcm_bytes, rate_hz, channels, width = _HEADER.unpack_from(content)
    if rate_hz not in RATES_HZ or channels not in (1, 2) or width != _SAMPLE_BYTES:
        raise AudioError(
            f"{name}: its header says {rate_hz} Hz, {channels} channels of {width} bytes; Opus "
            f"packets have one of {', '.join(map(str, RATES_HZ))} Hz, 1 or 2 channels of 2 bytes"
        )
    packets = list(_split_packets(content, name))
    granules = pcm_bytes // (_SAMPLE_BYTES * channels) * (_GRANULES_HZ // rate_hz)
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 0, rate_hz, 0, 0)
    tags = struct.pack("<8sI3sI", b"OpusTags", 3, b"stt", 0)
    pages = [_page(0, _FIRST, 0, [head]), _page(1, 0, 0, [tags])]
    position = 0
    for number, group in enumerate(groups := list(_group(packets)), 2):
        position += sum(_duration_granules(packet, name) for packet in group)
        is_last = number == len(groups) + 1
        # The last page may end before its packets do: the rest is padding (RFC 7845, 4.5).
        end = min(position, granules) if is_last else position
        pages.append(_page(number, _LAST if is_last else 0, end, group))
    if position < granules:
        raise AudioError(
            f"{name}: cut off; its header says {granules / _GRANULES_HZ:.2f} s, and its packets "
            f"hold {position / _GRANULES_HZ:.2f} s"
        )
    return b"".join(pages)


def packets_of_ogg(content: bytes, pcm_samples: int, rate_hz: int, channels: int) -> bytes:
    """Return the header and packets, for an SDB file, of an Ogg Opus file with one stream.

    Args:
        content: an Ogg Opus file written by `encode_audio`.
        pcm_samples: number of samples of each channel, including those that a decoder of the Ogg
            file skips.
        rate_hz: sample rate of the audio.
        channels: number of channels, 1 or 2.

    Raises:
        AudioError: the content is not an Ogg file.
    """
    packets, place, partial = [], 0, b""
    while place < len(content):
        if content[place : place + 4] != _PAGE_NAME or place + _PAGE.size > len(content):
            raise AudioError("the encoder wrote no Ogg file")
        count = content[place + _PAGE.size - 1]
        sizes = content[place + _PAGE.size : place + _PAGE.size + count]
        place += _PAGE.size + count
        for size in sizes:
            partial += content[place : place + size]
            place += size
            if size < _MOST_SEGMENTS:
                packets.append(partial)
                partial = b""
    header = _HEADER.pack(pcm_samples * channels * _SAMPLE_BYTES, rate_hz, channels, _SAMPLE_BYTES)
    audio = packets[2:]  # the first two are the headers OpusHead and OpusTags
    return header + b"".join(struct.pack(">H", len(packet)) + packet for packet in audio)


def pre_skip_of_ogg(content: bytes) -> int:
    """Return the number of samples, at 48 kHz, that a decoder skips at the start of the file."""
    place = content.find(b"OpusHead")
    return int(struct.unpack_from("<H", content, place + 10)[0]) if place >= 0 else 0


def _split_packets(content: bytes, name: str) -> Iterator[bytes]:
    place = _HEADER.size
    while place < len(content):
        size = int.from_bytes(content[place : place + 2], "big")
        place += 2
        if not size or place + size > len(content):
            raise AudioError(f"{name}: an Opus packet of {size} bytes is cut off at byte {place}")
        yield content[place : place + size]
        place += size


def _group(packets: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the packets of each Ogg page: as many as fit into its 255 segments."""
    group: list[bytes] = []
    segments = 0
    for packet in packets:
        needed = len(packet) // _MOST_SEGMENTS + 1
        if group and segments + needed > _MOST_SEGMENTS:
            yield group
            group, segments = [], 0
        group.append(packet)
        segments += needed
    if group:
        yield group


def _duration_granules(packet: bytes, name: str) -> int:
    """Return the duration of a packet in samples at 48 kHz, from its header (RFC 6716, 3.1)."""
    kind, code = packet[0] >> 3, packet[0] & 3
    if kind < 12:
        frame = (480, 960, 1920, 2880)[kind & 3]
    elif kind < 16:
        frame = (480, 960)[kind & 1]
    else:
        frame = (120, 240, 480, 960)[kind & 3]
    frames = (1, 2, 2)[code] if code < 3 else packet[1] & 63 if len(packet) > 1 else 0
    if not 0 < frames * frame <= 5760 or len(packet) > 255 * 255 - 1:
        raise AudioError(f"{name}: holds an Opus packet of a length that none has")
    return frames * frame


def _page(number: int, flags: int, granules: int, packets: list[bytes]) -> bytes:
    lacing = b"".join(
        b"\xff" * (len(packet) // _MOST_SEGMENTS) + bytes([len(packet) % _MOST_SEGMENTS])
        for packet in packets
    )
    body = lacing + b"".join(packets)
    head = _PAGE.pack(_PAGE_NAME, 0, flags, granules, 1, number, 0, len(lacing))
    checksum = _crc(head + body)
    return head[:22] + struct.pack("<I", checksum) + head[26:] + body


def _crc(content: bytes) -> int:
    """Return Ogg's CRC-32. It has zlib's polynomial, but another bit order and initial value."""
    reflected = content.translate(_REFLECTED)
    # zlib starts with all ones and inverts the result; Ogg does neither.
    value = zlib.crc32(reflected, 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{value:032b}"[::-1], 2)


_REFLECTED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
