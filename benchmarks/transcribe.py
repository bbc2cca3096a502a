"""Measure the runtime: real-time factor, latency of the first word, memory, start-up.

    python benchmarks/transcribe.py --model model.tflite other.onnx --audio clip.wav [--scorer S]
    python benchmarks/transcribe.py --n_hidden 2048        # random weights: speed, not words
    python benchmarks/transcribe.py --model model.tflite --audio clip.wav --peer PYTHON

Each figure comes from a process of its own. `--peer` is the Python of an environment with
upstream's `stt` 1.4.0 (Python 3.7 to 3.10); its runs are interleaved with ours, and the ratio is
printed. The machine's other work weighs on wall times: CPU seconds and ratios are steadier.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# What both runtimes are measured with; upstream's has the same names. Prints one JSON object.
MEASURE = """
import json, resource, sys, time
started = time.perf_counter()
model_path, scorer, beam, threads, audio = json.loads(sys.argv[1])
import numpy as np, wave
import stt
options = {} if stt.version() == '1.4.0' else {'threads': threads}
model = stt.Model(model_path, **options)
model.setBeamWidth(beam)
if scorer:
    model.enableExternalScorer(scorer)
start_up = time.perf_counter() - started
cpu_start_up = time.process_time()
with wave.open(audio) as file:
    samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
seconds = len(samples) / 16000
model.stt(samples[:16000])
cpu_first_result = time.process_time()
wall, cpu = [], []
for _ in range(4):
    w, c = time.perf_counter(), time.process_time()
    text = model.stt(samples)
    wall.append(time.perf_counter() - w)
    cpu.append(time.process_time() - c)
busy, first = 0.0, None
stream = model.createStream()
for start in range(0, len(samples), 1600):
    w = time.perf_counter()
    stream.feedAudioContent(samples[start:start + 1600])
    words = stream.intermediateDecode().split()
    busy = max(busy, time.perf_counter() - w)
    if words and first is None:
        first = (start + 1600) / 16000
stream.finishStream()
print(json.dumps({
    'start_up': start_up, 'cpu_start_up': cpu_start_up, 'cpu_first_result': cpu_first_result,
    'rtf': min(wall[1:]) / seconds, 'cpu_rtf': min(cpu[1:]) / seconds,
    'first_word': first, 'slowest_chunk': busy,
    'memory': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 'text': text,
}))
"""
# Several streams at the same time, in one process.
MEASURE_MANY = """
import json, sys, time, wave
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import stt
model_path, scorer, beam, streams, audio = json.loads(sys.argv[1])
model = stt.Model(model_path, threads=1)
model.setBeamWidth(beam)
if scorer:
    model.enableExternalScorer(scorer)
with wave.open(audio) as file:
    samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
model.stt(samples)
def run(_):
    stream = model.createStream()
    for start in range(0, len(samples), 1600):
        stream.feedAudioContent(samples[start:start + 1600])
    return stream.finishStream()
started, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(streams) as pool:
    list(pool.map(run, range(streams)))
wall, cpu = time.perf_counter() - started, time.process_time() - cpu
print(json.dumps({'rtf': wall / (streams * len(samples) / 16000), 'cores': cpu / wall}))
"""


def measure(python: str, code: str, *parameters: object) -> dict[str, float]:
    # A PYTHONPATH that leads to our package must not reach the peer. Compiled modules are kept, as
    # of any installed package.
    unwanted = {"PYTHONDONTWRITEBYTECODE"} | ({"PYTHONPATH"} if python != sys.executable else set())
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    command = [python, "-c", code, json.dumps(parameters)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        raise SystemExit(f"{python} failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def median(runs: list[dict[str, float]], key: str) -> float:
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else float("nan")


def report(name: str, runs: list[dict[str, float]]) -> None:
    print(
        f"{name:44} RTF {median(runs, 'rtf'):6.3f}  CPU {median(runs, 'cpu_rtf'):6.3f}  "
        f"first word {median(runs, 'first_word'):5.2f} s  "
        f"slowest 0.1 s chunk {1000 * median(runs, 'slowest_chunk'):5.0f} ms  "
        f"start {median(runs, 'start_up'):5.2f} s, CPU {median(runs, 'cpu_start_up'):5.2f} s, "
        f"and first second {median(runs, 'cpu_first_result'):5.2f} s  "
        f"memory {median(runs, 'memory'):5.0f} MB",
        flush=True,
    )


def random_models(n_hidden: int, folder: Path) -> list[Path]:
    """Write float and int8 models of random weights."""
    import numpy as np

    from coqui_stt_ctcdecoder import Alphabet
    from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
    from coqui_stt_training.exporting.deployment import Deployment
    from coqui_stt_training.models.deepspeech.geometry import Geometry
    from stt.frontends.mfcc_config import FeatureConfig

    alphabet = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz'")
    geometry = Geometry(n_hidden, alphabet.size + 1)
    random = np.random.default_rng(0)
    tensors = {
        name: (random.standard_normal(shape, np.float32) / np.float32(np.sqrt(shape[-1])))
        for name, shape in geometry.tensor_shapes().items()
    }
    deployment = Deployment(geometry, tensors, alphabet, FeatureConfig())
    paths = []
    for kind, quantize in (("int8", True), ("float", False)):
        paths.append(folder / f"{n_hidden}_{kind}.tflite")
        paths[-1].write_bytes(tflite_model(deployment, quantize))
    try:
        import onnx

        from coqui_stt_training.exporting.deepspeech.onnx_writer import quantize, streaming_model
    except ImportError:
        return paths
    model = streaming_model(deployment)
    onnx.save(model, folder / f"{n_hidden}_float.onnx")
    onnx.save(quantize(model), folder / f"{n_hidden}_int8.onnx")
    return [*paths, folder / f"{n_hidden}_int8.onnx", folder / f"{n_hidden}_float.onnx"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", nargs="*", default=[])
    parser.add_argument("--n_hidden", type=int, help="measure random models of this size")
    parser.add_argument("--audio", help="16 kHz, 16-bit, mono WAV (default: noise)")
    parser.add_argument("--scorer")
    parser.add_argument("--beam_width", type=int, default=500)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--peer", help="Python of an environment with upstream's stt 1.4.0")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = list(flags.model)
        if flags.n_hidden:
            models += map(str, random_models(flags.n_hidden, Path(folder)))
        audio = flags.audio or write_noise(Path(folder))
        for model in models:
            compare(model, audio, flags)


def compare(model: str, audio: str, flags: argparse.Namespace) -> None:
    ours: dict[int, list[dict[str, float]]] = {threads: [] for threads in flags.threads}
    theirs = []
    for _ in range(flags.repetitions):
        setting = (model, flags.scorer, flags.beam_width)
        for threads, runs in ours.items():
            runs.append(measure(sys.executable, MEASURE, *setting, threads, audio))
        if flags.peer and model.endswith(".tflite"):
            theirs.append(measure(flags.peer, MEASURE, *setting, 1, audio))
    name = Path(model).name
    for threads, runs in ours.items():
        report(f"{name}, {threads} thread{'s' if threads > 1 else ''}", runs)
    alone = measure(sys.executable, MEASURE_MANY, *setting, 1, audio)
    many = measure(sys.executable, MEASURE_MANY, *setting, flags.streams, audio)
    print(
        f"{name + f', {flags.streams} streams, all cores':44} RTF {many['rtf']:6.3f} each "
        f"({alone['rtf'] / many['rtf']:.1f} times as many as one after the other); "
        f"{many['cores']:.1f} cores busy"
    )
    if theirs:
        report(f"{name}, upstream", theirs)
        for threads, runs in ours.items():
            print(
                f"  upstream / ours, {threads} threads: "
                f"wall {median(theirs, 'rtf') / median(runs, 'rtf'):.2f}, "
                f"CPU {median(theirs, 'cpu_rtf') / median(runs, 'cpu_rtf'):.2f}; "
                f"same text: {theirs[0]['text'] == runs[0]['text']}"
            )


def write_noise(folder: Path) -> str:
    import numpy as np
    import soundfile

    random = np.random.default_rng(0)
    soundfile.write(folder / "noise.wav", random.normal(0, 0.1, 5 * 16000), 16000, "PCM_16")
    return str(folder / "noise.wav")


if __name__ == "__main__":
    main()
