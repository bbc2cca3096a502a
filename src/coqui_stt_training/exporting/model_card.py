"""The model card beside an exported model: upstream's fields, and the results of verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import yaml

from stt.counted import counted

from ..errors import FlagError
from .verification import Verification

_ACOUSTIC_MODEL_URL = "<replace this with a publicly available URL of the acoustic model>"
_SCORER_URL = "<replace this with a publicly available URL of the scorer, if present>"


@dataclass(frozen=True)
class ModelCard:
    """Contents of a model card. Fields have the names of the card's front matter.

    Attributes:
        facts: facts from the checkpoint, in Markdown; see `facts.py`.
    """

    author: str
    model_name: str
    model_version: str
    contact_info: str
    license: str
    language: str
    runtime: str
    min_stt_version: str
    max_stt_version: str
    description: str
    facts: str = ""

    @property
    def file_name(self) -> str:
        """File name of the card.

        Raises:
            FlagError: the author, name or version cannot be part of a file name.
        """
        for flag, part in (
            ("--export_author_id", self.author),
            ("--export_model_name", self.model_name),
            ("--export_model_version", self.model_version),
        ):
            check_file_name(flag, part)
        return f"{self.author}_{self.model_name}_{self.model_version}.md"

    def render(self, verifications: Sequence[Verification], noise_only: bool) -> str:
        """Return the text of the card, in Markdown.

        Args:
            verifications: verifications of all exported files.
            noise_only: whether the files were verified on noise, without recordings.
        """
        values = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("description", "facts")
        }
        values |= {"acoustic_model_url": _ACOUSTIC_MODEL_URL, "scorer_url": _SCORER_URL}
        front_matter = "".join(f"{name}: {_as_yaml(value)}\n" for name, value in values.items())
        measured = _render_verifications(verifications, noise_only)
        facts = f"\n## The model\n\n{self.facts}\n" if self.facts else ""
        return f"---\n{front_matter}---\n{self.description}\n{facts}{measured}"


def check_file_name(flag: str, name: str) -> None:
    """Check that the value of a flag can be part of a file name.

    Raises:
        FlagError: the value is empty, `.` or `..`, or contains a forbidden character.
    """
    if not name or name in (".", "..") or any(c in '/\\:\0\n\r"<>|?*' for c in name):
        raise FlagError(
            f"{flag} {name!r} becomes part of a file name; it must not be empty or contain any of "
            '/ \\ : " < > | ? *'
        )


def _as_yaml(value: str) -> str:
    """Return a value unchanged, like upstream, or in quotes if YAML would misread it."""
    try:
        read = yaml.safe_load(f"key: {value}")
    except yaml.YAMLError:
        read = None
    plain = (
        isinstance(read, dict)
        and list(read) == ["key"]
        and not isinstance(read["key"], (dict, list, type(None)))
    )
    intact = plain and isinstance(read, dict) and str(read["key"]) == value
    is_number = plain and isinstance(read, dict) and not isinstance(read["key"], str)
    return value if intact or is_number else _quoted(value)


def _quoted(value: str) -> str:
    dumped = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return str(dumped).removesuffix("\n")


def _render_verifications(verifications: Sequence[Verification], noise_only: bool) -> str:
    if not verifications:
        return ""
    first = verifications[0]
    heard = f"{counted(first.clip_count, 'clip')}, {first.duration_seconds:.1f} s"
    heard += " of synthetic noise" if noise_only else ""
    lines = [
        "",
        "## Verification",
        "",
        f"Each file was loaded again and compared with the checkpoint on {heard}. Differences are "
        "maxima; logits are log probabilities, compared where the probability is at least 0.001. "
        "Word error rates (WER) are those of the best path, without a scorer.",
        "",
        "| file | size (MB) | logit difference | probability difference | same best label | WER "
        "| WER of the checkpoint | WER change |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_table_row, verifications)]) + "\n"


def _table_row(found: Verification) -> str:
    cells = [
        found.file_name,
        f"{found.size_bytes / 1e6:.2f}",
        f"{found.logit_difference:.2g}",
        f"{found.probability_difference:.2g}",
        f"{found.frame_agreement:.2%}",
    ]
    if found.exported_wer is None or found.checkpoint_wer is None:
        cells += ["-", "-", "-"]
    else:
        change = found.exported_wer - found.checkpoint_wer
        cells += [f"{found.exported_wer:.4f}", f"{found.checkpoint_wer:.4f}", f"{change:+.4f}"]
    return "| " + " | ".join(cells) + " |"
