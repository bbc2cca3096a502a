"""Count the clips for which several runtimes return the same text, without a scorer.

    python benchmarks/agreement.py --model model.tflite --audio FOLDER_OR_FILES --peer PYTHON ...

`--peer` is the Python of an environment with upstream's `stt`, of any version (Python 3.7 to 3.10).
Audio is 16 kHz, 16 bit, mono; folders are searched. Without a scorer every character counts, so
texts show differences that a scorer would hide.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Run by every runtime; their functions have the same names. Prints the version and the texts.
TRANSCRIBE = """
import json, sys
model_path, audio = json.loads(sys.argv[1])
import numpy as np
import stt
model = stt.Model(model_path)
clips = np.load(audio)
print(json.dumps([stt.version(), [model.stt(clips[name]) for name in clips.files]]))
"""


def transcribe(python: str, model: str, audio: str) -> tuple[str, list[str]]:
    unwanted = {"PYTHONPATH"} if python != sys.executable else set()
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    command = [python, "-c", TRANSCRIBE, json.dumps([model, audio])]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        raise SystemExit(f"{python} failed:\n{result.stderr}")
    version, texts = json.loads(result.stdout.splitlines()[-1])
    return version, texts


def write_clips(paths: list[str], file: Path, limit: int) -> int:
    """Write the samples of audio files to one file that every NumPy can read; return the number."""
    import numpy as np
    import soundfile

    found: list[Path] = []
    for path in map(Path, paths):
        inside = itertools.islice(sorted(path.rglob("*.flac")) + sorted(path.rglob("*.wav")), limit)
        found += inside if path.is_dir() else [path]
    clips = {}
    for path in found:
        samples, rate = soundfile.read(path, dtype="int16")
        if rate != 16000 or samples.ndim != 1:
            raise SystemExit(f"{path}: 16 kHz and one channel are needed")
        clips[f"{len(clips):06}"] = samples
    np.savez(file, **clips)
    return len(clips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--audio", nargs="+", required=True, help="files, or folders of them")
    parser.add_argument("--limit", type=int, default=17, help="files taken of one folder")
    parser.add_argument("--peer", nargs="*", default=[], help="Pythons with upstream's stt")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder) / "clips.npz"
        count = write_clips(flags.audio, audio, flags.limit)
        heard = {}
        for python in (sys.executable, *flags.peer):
            version, texts = transcribe(python, flags.model, str(audio))
            heard["here" if python == sys.executable else f"libstt {version}"] = texts
    for one, other in itertools.combinations(heard, 2):
        equal = sum(a == b for a, b in zip(heard[one], heard[other], strict=True))
        print(f"{one} and {other}: {equal} of {count} texts are equal")


if __name__ == "__main__":
    main()
