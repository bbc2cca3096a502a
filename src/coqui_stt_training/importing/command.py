"""The commands that import corpora: one for each layout."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..cli.command import command, start_logging, words_before_flags
from ..cli.flags import Parsed, parse
from ..cli.import_flags import ImportConfig, ImportFlags
from ..errors import FlagError

if TYPE_CHECKING:
    from .labels import ImportedLabel
    from .layout import CorpusUtterance, Layout


def run_importer(name: str, folders: Sequence[str], parsed: Parsed[ImportConfig]) -> int:
    """Import the corpus of a layout and return the exit status.

    Args:
        name: name of the layout.
        folders: the folder to import, as the user gave it.
        parsed: the flags.

    Raises:
        UserError: there is no folder, it does not contain the corpus, the language is unknown, ...
    """
    flags = parsed.config.importing
    start_logging(parsed.config.output.log_level, parsed.notices)
    if len(folders) != 1:
        raise FlagError(
            f"{name}: give the folder that the corpus was unpacked to, and flags behind it; there "
            f"{'is none' if not folders else f'are {len(folders)}'}"
        )
    from .layouts import LAYOUTS
    from .run import ImportLimits, import_utterances, read_utterances

    layout, folder = LAYOUTS[name], Path(folders[0])
    limits = ImportLimits(
        tuple(flags.splits), flags.shortest_seconds, flags.longest_seconds, flags.limit
    )
    utterances = read_utterances(layout, folder, limits)
    outcome = import_utterances(
        utterances,
        Path(flags.out) if flags.out else folder,
        name,
        limits,
        _label_maker(flags, layout, folder, utterances),
        wav_rate_hz=flags.audio_sample_rate if flags.audio == "wav" else 0,
        workers=flags.workers or None,
        show_progressbar=parsed.config.output.show_progressbar,
    )
    print(outcome)
    return 0


def importer(name: str) -> Callable[..., int]:
    """Return the main function of the importer of a layout."""

    @command
    def main(argv: list[str]) -> int:
        """Import the corpus and return the exit status."""
        folders, flags = words_before_flags(argv)
        parsed = parse(
            ImportConfig,
            flags,
            program=f"python -m coqui_stt_training.importers.import_{name} FOLDER",
            description=f"Write CSV files of {_TITLES[name]}, to train on.",
            epilog=EPILOG,
        )
        return run_importer(name, folders, parsed)

    return main


def titles() -> Mapping[str, str]:
    """Return the titles of the known corpora, by the names of their importers."""
    return _TITLES


def list_importers() -> str:
    """Return a line for each importer."""
    width = max(map(len, _TITLES))
    return "\n".join(f"  {name:<{width}}  {title}" for name, title in _TITLES.items())


def _label_maker(
    flags: ImportFlags, layout: Layout, folder: Path, utterances: list[CorpusUtterance]
) -> Callable[[str], ImportedLabel]:
    from coqui_stt_ctcdecoder import Alphabet

    from .labels import (
        ImportedLabel,
        LabelFilter,
        Numbers,
        corpus_alphabet,
        language_alphabet,
        number_speller,
    )

    if flags.validate_label_locale:
        from ..util.importers import get_validate_label

        validate = get_validate_label(Namespace(validate_label_locale=flags.validate_label_locale))

        def judge(text: str) -> ImportedLabel:
            label = validate(text)
            return (
                ImportedLabel(text, "left out by --validate_label_locale")
                if not label
                else ImportedLabel(label)
            )

        return judge
    language = flags.language or layout.language or layout.language_of(folder)
    numbers = cast(Numbers, flags.numbers)
    speller = number_speller(language) if numbers == "spell" else str
    if flags.alphabet_config_path:
        alphabet = Alphabet(flags.alphabet_config_path)
    else:
        alphabet = language_alphabet(language) or corpus_alphabet(
            (one.text for one in utterances if not one.dropped), numbers
        )
    if numbers == "keep":
        digits = [digit for digit in "0123456789" if not alphabet.can_encode(digit)]
        alphabet = Alphabet.from_labels([*alphabet.labels, *digits])
    return LabelFilter(alphabet, numbers, speller)


_TITLES = {
    "ldc93s1": "LDC93S1, one sentence",
    "librivox": "LibriSpeech",
    "cv2": "Common Voice, a language of it",
    "mls": "Multilingual LibriSpeech, a language of it",
    "fleurs": "FLEURS, a language of it",
    "voxpopuli": "VoxPopuli, a language of it",
    "ted": "TED-LIUM 1, 2 or 3",
    "aishell": "AISHELL-1",
    "vctk": "VCTK",
    "m_ailabs": "M-AILABS, a language of it",
    "tuda": "TUDA",
    "ljspeech": "LJSpeech, and what is laid out like it",
}
EPILOG = """examples:
  python -m coqui_stt_training.import_corpus cv2 cv-corpus-22.0/cy --numbers spell
  python -m coqui_stt_training.importers.import_librivox LibriSpeech --splits train-clean-100
  python -m coqui_stt_training.import_corpus ted TEDLIUM_release-3 --audio wav --out ted

Nothing is downloaded. Beside the CSV files, left_out.csv says what is not in them and why. When the
command is given again, what was decoded is not decoded again.
"""
