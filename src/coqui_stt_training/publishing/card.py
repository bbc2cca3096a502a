"""The model card on the hub: README.md, made from the model's own files and the author's flags.

The hub reads the front matter: https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from stt.counted import counted

from ..checkpoints.source import SourceModel
from ..report.clips import ModelResults
from ..report.lineage import ancestor_text, base_name
from ..scoring.metrics import score_set
from .contents import Contents
from .privacy import without_folders

_TASK = "automatic-speech-recognition"
_SECTION = re.compile(r"^## (?:The model|Verification)\n.*?(?=^## |\Z)", re.M | re.S)
_MOST_LABELS = 200


@dataclass(frozen=True)
class CardFields:
    """Fields of the card that only the author knows.

    Attributes:
        license: license identifier of the hub, such as `cc-by-4.0`; empty: that of the exported
            model's card.
        language: BCP 47 tag; empty: the language of the exported model.
        datasets: names of data sets, on the hub or elsewhere.
        base_models: source models on the hub; empty: those in the lineage.
        description: paragraph in Markdown.
    """

    license: str = ""
    language: str = ""
    datasets: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    description: str = ""


def model_card(
    repository: str, contents: Contents, files: Sequence[str], fields: CardFields
) -> str:
    """Return the text of the model card.

    Args:
        repository: name of the repository, `owner/name`.
        contents: files of the model.
        files: names of the uploaded files.
        fields: fields by the author.
    """
    name = repository.partition("/")[2]
    front = yaml.safe_dump(
        _front_matter(name, contents, fields), allow_unicode=True, sort_keys=False, width=10_000
    )
    parts = [f"# {name}", fields.description or _default_description(contents, fields)]
    parts += _usage(repository, contents, files)
    if contents.evaluations:
        parts.append("\n".join(_rates(contents.evaluations)))
    sections = [section.strip() for section in _SECTION.findall(without_folders(contents.card))]
    if not any(section.startswith("## The model") for section in sections):
        parts.append("\n".join(_facts(contents)))
    parts += sections
    return f"---\n{front}---\n\n" + "\n\n".join(filter(None, parts)) + "\n"


def _front_matter(name: str, contents: Contents, fields: CardFields) -> dict[str, Any]:
    language = (fields.language or contents.language).partition("-")[0].lower()
    known = {
        "language": language,
        "license": fields.license or _field(contents.card, "license"),
        "library_name": "coqui-stt",
        "pipeline_tag": _TASK,
        "tags": [_TASK, "coqui-stt", "ctc"],
        "datasets": list(fields.datasets),
        "base_model": list(fields.base_models) or contents.base_models,
        "metrics": ["wer", "cer"] if contents.evaluations else [],
        "model-index": _results(name, contents.evaluations),
    }
    return {field: value for field, value in known.items() if value}


def _field(card: str, name: str) -> str:
    """Return a field of the exported model's card; empty if missing or not yet filled in."""
    found = re.search(rf"^{name}: (.*)$", card.partition("\n---\n")[0], re.M)
    value = found[1].strip().strip("\"'") if found else ""
    return "" if value.startswith("<") else value


def _results(name: str, evaluations: Sequence[ModelResults]) -> list[dict[str, Any]]:
    results = []
    for one, data_set in zip(evaluations, _data_sets(evaluations), strict=True):
        scores, model = score_set(one.samples), without_folders(one.model)
        rates = [
            {"type": kind, "value": round(100 * rate, 2), "name": f"{kind.upper()} ({model})"}
            for kind, rate in (("wer", scores.wer), ("cer", scores.cer))
            if math.isfinite(rate)
        ]
        task = {"type": _TASK, "name": "Speech recognition"}
        results.append(
            {"task": task, "dataset": {"name": data_set, "type": data_set}, "metrics": rates}
        )
    return [{"name": name, "results": results}] if results else []


def _data_sets(evaluations: Sequence[ModelResults]) -> list[str]:
    names = [list(dict.fromkeys(clip.dataset for clip in one.clips)) for one in evaluations]
    return [", ".join(base_name(each) for each in found if each) or "test set" for found in names]


def _rates(evaluations: Sequence[ModelResults]) -> Iterator[str]:
    yield "## Error rates\n"
    yield "| model | test set | clips | WER | CER |"
    yield "|---|---|---|---|---|"
    for one, data_set in zip(evaluations, _data_sets(evaluations), strict=True):
        scores = score_set(one.samples)
        model = _cell(str(without_folders(one.model)))
        yield (
            f"| {model} | {_cell(data_set)} | {len(one.clips)} | {scores.wer:.1%} "
            f"| {scores.cer:.1%} |"
        )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _default_description(contents: Contents, fields: CardFields) -> str:
    language = fields.language or contents.language
    of = f" of {language}" if language else ""
    return (
        f"A speech-to-text model{of}, trained with Coqui STT on PyTorch. It outputs characters "
        "(CTC)."
    )


def _usage(repository: str, contents: Contents, files: Sequence[str]) -> Iterator[str]:
    lines = []
    if contents.exported:
        scorer = f" --scorer hf://{repository}" if contents.scorer else ""
        lines.append(f"stt --model hf://{repository}{scorer} --audio clip.wav")
    if contents.checkpoint or any(name.endswith(".tflite") for name in files):
        lines.append(
            f"python -m coqui_stt_training.train --load_checkpoint_dir hf://{repository} \\\n"
            "    --save_checkpoint_dir my-model --train_files train.csv --dev_files dev.csv"
        )
    yield (
        "## Use\n\nWith Coqui STT on PyTorch, and its extra `hub`:\n\n```bash\n"
        + "\n".join(lines)
        + "\n```"
    )


def _facts(contents: Contents) -> Iterator[str]:
    source = contents.checkpoint
    if source is None:
        return
    yield "## The checkpoint\n"
    count = sum(tensor.size for tensor in source.tensors.values())
    specification = source.specification
    yield f"- {specification.architecture}, {specification.describe()}; {count:,} parameters"
    yield from _input_and_output(source)
    if source.step:
        yield f"- trained for {counted(source.step, 'step')}"
    for ancestor in source.details.get("lineage", ()):
        yield f"- {without_folders(ancestor_text(ancestor, base_name))}"


def _input_and_output(source: SourceModel) -> Iterator[str]:
    if source.features is not None:
        yield f"- input: audio of {source.features.sample_rate_hz} Hz"
    if source.alphabet is None:
        return
    if source.alphabet.is_bytes:
        yield "- output: UTF-8 bytes, for text of any language"
        return
    shown = "".join(source.alphabet.labels)
    more = "..." if len(shown) > _MOST_LABELS else ""
    size = counted(source.alphabet.size, "character")
    yield f"- output: {size}: `` {shown[:_MOST_LABELS]}{more} ``"
