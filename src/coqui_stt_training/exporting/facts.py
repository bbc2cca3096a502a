"""Facts for the model card that come from the checkpoint, not from the author."""

from __future__ import annotations

from collections.abc import Iterator

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted

from ..checkpoints.source import SourceModel
from ..report.lineage import ancestor_text, base_name
from .deployment import Deployment
from .encoder.deployment import EncoderDeployment

_MOST_LABELS = 200


def describe_model(source: SourceModel, deployment: Deployment | EncoderDeployment) -> str:
    """Return a Markdown list. File names are without folders, which are the author's own."""
    return "\n".join(f"- {title}: {text}" for title, text in _facts(source, deployment))


def _facts(
    source: SourceModel, deployment: Deployment | EncoderDeployment
) -> Iterator[tuple[str, str]]:
    specification = source.specification
    count = sum(tensor.size for tensor in source.tensors.values())
    yield (
        "acoustic model",
        f"{specification.architecture}, {specification.describe()}; {count:,} parameters",
    )
    yield "output", _alphabet_text(deployment.alphabet)
    yield "input", _audio_text(deployment)
    if source.step:
        yield "trained for", counted(source.step, "step")
    for ancestor in source.details.get("lineage", ()):
        text = ancestor_text(ancestor, base_name)
        files = [base_name(str(path)) for path in ancestor.get("train_files", ())]
        yield "training", text + (f"; on {', '.join(files)}" if files else "")
    flags = source.details.get("flags", {})
    validated = source.details.get("validated")
    if validated:
        yield (
            "dev files" + (", with a scorer" if flags.get("scorer_path") else ""),
            f"character error rate {validated['cer']:.4f}, loss {validated['loss']:.3f}",
        )


def _audio_text(deployment: Deployment | EncoderDeployment) -> str:
    rate_hz = deployment.features.sample_rate_hz
    if isinstance(deployment, EncoderDeployment):
        return f"audio of {rate_hz} Hz, clips of up to {deployment.longest_seconds:g} s as a whole"
    window, step = deployment.features.window_milliseconds, deployment.features.step_milliseconds
    return f"audio of {rate_hz} Hz, in windows of {window} ms every {step} ms"


def _alphabet_text(alphabet: Alphabet) -> str:
    if alphabet.is_bytes:
        return "UTF-8, byte by byte: text of any language"
    shown = "".join(alphabet.labels)
    more = "..." if len(shown) > _MOST_LABELS else ""
    # Labels may contain a backtick; a code span that opens with two is closed only by two.
    return f"{counted(alphabet.size, 'label')}: `` {shown[:_MOST_LABELS]}{more} ``"
