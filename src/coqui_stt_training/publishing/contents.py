"""The contents of a model to publish: checkpoint, exported files, scorer and evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stt.errors import ModelError
from stt.model import Model

from ..checkpoints.hub import OWN_WEIGHTS, name_on_hub
from ..checkpoints.loading import load_source
from ..checkpoints.recognise import BOOTSTRAP_RECORD
from ..checkpoints.source import SourceModel
from ..errors import CheckpointError, ExportError, FlagError
from ..report.clips import ModelResults, read_model_results
from ..stages.journal import read_journal

_EXPORTED = (".tflite", ".onnx")
_OWN_FORMAT = "coqui-stt"


@dataclass(frozen=True)
class Contents:
    """The files of a model, and what is known about it.

    Attributes:
        checkpoint: checkpoint to continue training from, or None.
        exported: exported models.
        scorer: scorer of the model, or None.
        card: model card that export wrote; empty if there is none.
        evaluations: reports of `evaluate`.
        language: language of the exported models; may be empty.
    """

    checkpoint: SourceModel | None = None
    exported: tuple[Path, ...] = ()
    scorer: Path | None = None
    card: str = ""
    evaluations: tuple[ModelResults, ...] = ()
    language: str = ""

    @property
    def base_models(self) -> list[str]:
        """Source models on the hub, by the lineage of the checkpoint, the earliest first."""
        lineage = self.checkpoint.details.get("lineage", ()) if self.checkpoint else ()
        sources = [str(entry.get("source") or "") for entry in lineage]
        named = [name_on_hub(Path(source)) for source in sources]
        return list(dict.fromkeys(name for name, _ in filter(None, named)))


def find_contents(model: Path, scorer: str, evaluations: Sequence[str]) -> Contents:
    """Find the files of a model.

    Args:
        model: folder of `bootstrap`, of `export` or of a checkpoint, or a checkpoint or exported
            file.
        scorer: scorer to upload; empty: the one beside the exported files.
        evaluations: JSON reports (`--report FILE.json` of evaluate); empty: those of `bootstrap`.

    Raises:
        UserError: there is no model to publish, or a file is missing or damaged.
    """
    found = _model_contents(model)
    if scorer:
        found = replace(found, scorer=Path(scorer))
    if found.scorer is not None and not found.scorer.is_file():
        raise FlagError(f"--scorer_path {found.scorer}: no such file")
    results = tuple(read_model_results(path) for path in evaluations) or found.evaluations
    return replace(found, evaluations=results, language=_exported_language(found))


def _model_contents(model: Path) -> Contents:
    if not model.exists():
        raise FlagError(f"{model}: no such file or folder")
    if (model / BOOTSTRAP_RECORD).is_file():
        return _bootstrap_contents(model)
    if model.suffix in _EXPORTED and model.is_file():
        return Contents(exported=(model,))
    if model.is_dir() and any(path.suffix in _EXPORTED for path in model.iterdir()):
        return _export_contents(model)
    return Contents(checkpoint=_checkpoint(model))


def _bootstrap_contents(folder: Path) -> Contents:
    journal = read_journal(folder)
    names = [name for key, name in journal.places.items() if key.startswith("training:")]
    checkpoint = _checkpoint(folder / names[-1]) if names else None
    exported = _export_contents(folder / "export") if (folder / "export").is_dir() else Contents()
    reports = sorted((folder / "evaluation").glob("*-scorer.json"))
    if checkpoint is None and not exported.exported:
        raise ExportError(f"{folder}: bootstrap has not finished the model; run it to its end")
    return replace(
        exported,
        checkpoint=checkpoint,
        evaluations=tuple(read_model_results(path) for path in reports),
    )


def _export_contents(folder: Path) -> Contents:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    scorers = [path for path in files if path.suffix == ".scorer"]
    if len(scorers) > 1:
        raise FlagError(
            f"{folder} has {len(scorers)} scorers ({', '.join(path.name for path in scorers)}); "
            "choose one with --scorer_path"
        )
    cards = [text for path in files if path.suffix == ".md" and (text := _exported_card(path))]
    return Contents(
        exported=tuple(path for path in files if path.suffix in _EXPORTED),
        scorer=scorers[0] if scorers else None,
        card=cards[0] if len(cards) == 1 else "",
    )


def _exported_card(path: Path) -> str:
    text = path.read_bytes()[: 1 << 20].decode("utf-8", "replace")
    return text if text.startswith("---\nauthor: ") else ""


def _checkpoint(path: Path) -> SourceModel:
    source = load_source(path)
    if source.format != _OWN_FORMAT:
        raise CheckpointError(
            f"{path} is a model of another toolkit ({source.format}); publish it with that "
            "toolkit, or publish what train, convert or export made from it"
        )
    if source.alphabet is None or source.features is None:
        raise CheckpointError(f"{path} contains no alphabet; convert it first")
    return source


def _exported_language(contents: Contents) -> str:
    """Check that the exported files can be loaded, and return the language they name.

    Raises:
        ModelError: a `.tflite` file cannot be loaded.
    """
    language = ""
    for path in contents.exported:
        try:
            with Model(path, threads=1, parallel=1) as model:
                language = language or model.language
        except ModelError:
            if path.suffix == ".tflite":
                raise
            # Batch and features graphs, which export also writes, are not models for our runtime.
    return language


def uploads(contents: Contents, staging: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files to upload: their names on the hub and their paths.

    Args:
        contents: files of the model.
        staging: empty folder for files that are made only for the upload.
    """
    if contents.checkpoint is not None:
        from .checkpoint_file import write_public_checkpoint

        write_public_checkpoint(contents.checkpoint, staging / OWN_WEIGHTS)
        yield OWN_WEIGHTS, staging / OWN_WEIGHTS
    alphabet = contents.checkpoint.alphabet if contents.checkpoint else None
    if alphabet is not None and not alphabet.is_bytes:
        (staging / "alphabet.txt").write_bytes(alphabet.serialize_text())
        yield "alphabet.txt", staging / "alphabet.txt"
    for path in contents.exported:
        yield path.name, path
    if contents.scorer is not None:
        yield contents.scorer.name, contents.scorer
