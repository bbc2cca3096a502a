"""Publish a model on the Hugging Face hub.

python -m coqui_stt_training.push_to_hub exported owner/name
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cli.command import command, print_now, start_logging, words_before_flags
from .cli.config import LogLevelFlags
from .cli.data_flags import Names
from .cli.flags import flag, parse
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.push_to_hub"
_EPILOG = f"""examples:
  {PROGRAM} exported owner/name --license cc-by-4.0
  {PROGRAM} my-model owner/name --private --evaluation errors.json
  {PROGRAM} my-model owner/name --dry_run

The model and its name come before the flags. A model is a folder that bootstrap, export
or train wrote, or one .tflite or .onnx file.
"""


@dataclass(frozen=True)
class PushFlags:
    """Publishing."""

    private: bool = flag(False, "make the repository private; an existing one stays as it is")
    dry_run: bool = flag(False, "show the page and the list of files, and upload nothing")
    scorer_path: str = flag(
        "",
        "scorer to upload, too (default: the one beside the exported model)",
        aliases=("scorer",),
    )
    evaluation: Names = flag(
        [], "error rates for the page: a file that evaluate wrote with --report FILE.json"
    )
    license: str = flag("", "license of the model as named on the hub: cc-by-4.0, mpl-2.0, ...")
    language: str = flag("", "language as a BCP 47 tag (default: the exported model's)")
    datasets: Names = flag([], "training data sets as named on the hub")
    base_model: Names = flag(
        [],
        "models on the hub that it was made from, owner/name (default: the hf:// models used in "
        "training)",
    )
    description: str = flag("", "paragraph for the page, in Markdown")


@dataclass(frozen=True)
class PushConfig:
    """All flags of `push_to_hub`."""

    push: PushFlags = PushFlags()
    output: LogLevelFlags = LogLevelFlags()


@command
def main(argv: list[str], show: Callable[[str], object] = print_now) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: there is no such model, or the hub refuses it.
    """
    words, flags = words_before_flags(argv)
    parsed = parse(
        PushConfig,
        flags,
        program=f"{PROGRAM} MODEL OWNER/NAME",
        description=(
            "Upload a model to the Hugging Face hub, with a page about it: weights, exported "
            "files, scorer and alphabet; no recordings, and no paths of this machine."
        ),
        epilog=_EPILOG,
    )
    start_logging(parsed.config.output.log_level, parsed.notices)
    if len(words) != 2:
        raise FlagError(f"no model or no name for it on the hub: {PROGRAM} exported owner/name")
    _push(Path(words[0]), words[1], parsed.config.push, show)
    return 0


def _push(model: Path, name: str, flags: PushFlags, show: Callable[[str], object]) -> None:
    # NumPy and PyTorch are slow to import, and --help needs neither.
    from .publishing.card import CardFields, model_card
    from .publishing.contents import find_contents, uploads
    from .publishing.upload import check_access, check_repository, upload

    repository = check_repository(name)
    contents = find_contents(model, flags.scorer_path, flags.evaluation)
    if not flags.dry_run:
        check_access(repository)
    fields = CardFields(
        flags.license, flags.language, flags.datasets, flags.base_model, flags.description
    )
    with tempfile.TemporaryDirectory() as staging:
        files: dict[str, Path | bytes] = dict(uploads(contents, Path(staging)))
        card = model_card(repository, contents, list(files), fields)
        files["README.md"] = card.encode()
        if flags.dry_run:
            show(card)
        for file, content in files.items():
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            show(f"{'Would upload' if flags.dry_run else 'Uploading'} {file} ({size:,} bytes)")
        if not flags.dry_run:
            show(f"Published {upload(repository, files, flags.private)}")


if __name__ == "__main__":
    main()
