"""Error rates of a model in Coqui's own runtime, libstt, and in ours, without a scorer.

    python benchmarks/libstt.py path/to/libstt.so exported/output_graph.tflite my-test.csv

libstt.so, and libkenlm.so in the same folder, are in the package `stt` 1.4.0 of the Python package
index. That package needs Python 3.10 or older; only its libraries are used here.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import stt
from coqui_stt_training.corpus.sources.reading import read_rows
from coqui_stt_training.scoring.metrics import score_sample, score_set
from stt.audio.source import read_pcm

Recognizer = Callable[[NDArray[np.int16]], str]
_BEAM_WIDTH = 500


def upstreams(library: Path, model: Path) -> Recognizer:
    """Return a function that transcribes int16 samples at the model's rate with libstt.

    Raises:
        SystemExit: libstt refuses the model.
    """
    ctypes.CDLL(str(library.with_name("libkenlm.so")), ctypes.RTLD_GLOBAL)  # libstt needs it
    native = ctypes.CDLL(str(library))
    native.STT_SpeechToText.restype = ctypes.c_void_p
    state = ctypes.c_void_p()
    if status := native.STT_CreateModel(str(model).encode(), ctypes.byref(state)):
        raise SystemExit(f"{library} does not take {model}: error {status:#x}")
    native.STT_SetModelBeamWidth(state, ctypes.c_uint(_BEAM_WIDTH))

    def hear(samples: NDArray[np.int16]) -> str:
        text = native.STT_SpeechToText(
            state, samples.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint(len(samples))
        )
        heard = ctypes.string_at(text).decode()
        native.STT_FreeString(ctypes.c_void_p(text))
        return heard

    return hear


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("library", type=Path, metavar="LIBSTT", help="libstt.so")
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite")
    parser.add_argument("test", metavar="CSV", help="clips with transcripts")
    arguments = parser.parse_args()
    ours = stt.Model(arguments.model)
    ours.setBeamWidth(_BEAM_WIDTH)
    rows = read_rows(arguments.test)
    clips = [
        (row.transcript, read_pcm(audio, ours.sampleRate()))
        for row, audio in zip(rows.rows, rows.audio(), strict=True)
    ]
    heard = {}
    for name, hear in (
        ("libstt 1.4.0", upstreams(arguments.library, arguments.model)),
        ("ours", ours.stt),
    ):
        heard[name] = [hear(samples) for _, samples in clips]
        scores = score_set(
            [
                score_sample("", said, text, 0.0)
                for (said, _), text in zip(clips, heard[name], strict=True)
            ]
        )
        print(f"{name}: WER {scores.wer:.3f}, CER {scores.cer:.3f}")
    same = sum(one == other for one, other in zip(*heard.values(), strict=True))
    print(f"the same text for {same} of {len(clips)} clips")
    if same != len(clips):
        sys.exit(1)


if __name__ == "__main__":
    main()
