"""Write an HTML page to hear and see the effect of augmentations.

python -m coqui_stt_training.augment_preview --audio clip.wav --augment speed specaugment
"""

from __future__ import annotations

import logging
from pathlib import Path

from stt.atomic_file import write_atomically
from stt.counted import counted
from stt.output_path import check_output_file

from .cli.command import command, start_logging
from .cli.flags import parse
from .cli.preview_flags import PreviewConfig, PreviewFlags
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.augment_preview"

_log = logging.getLogger(__name__)


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parsed = parse(
        PreviewConfig,
        argv,
        program=PROGRAM,
        description=(
            "Augment recordings like --augment of train, and write a self-contained HTML page to "
            "hear and see each one before and after."
        ),
        epilog=f"example:\n  {PROGRAM} --audio train.csv --limit 2 \\\n"
        "      --augment overlay[source=noise/,snr=10] time_mask[n=2,size=200] --output page.html",
    )
    start_logging(parsed.config.output.log_level, parsed.notices)
    flags = parsed.config.preview
    if not flags.audio:
        raise FlagError("no recordings; give --audio")
    check_output_file("--output", flags.output)
    count = _write(flags)
    _log.info("Wrote %s of %s to %s", counted(flags.variants, "variant"),
              counted(count, "recording"), flags.output)  # fmt: skip
    return 0


def _write(flags: PreviewFlags) -> int:
    """Write the page, and return the number of recordings on it."""
    # PyTorch takes a second to import, and --help does not need it.
    from stt.frontends.log_mel import LogMel

    from .augmentation.chance import draw_augmentations
    from .augmentation.needs import find_problems
    from .augmentation.specification import parse_augmentations, settle_domains
    from .augmentation.variant import make_variant
    from .batches.audio_source import open_source, open_sources
    from .report.augmentation import Preview, preview_page

    rate_hz = flags.audio_sample_rate
    augmentations = settle_domains(parse_augmentations(flags.augment), on_hidden=False)
    if problems := list(find_problems(augmentations, LogMel())):
        raise FlagError("; ".join(problems))
    sources = open_sources(augmentations, rate_hz, check=True)
    previews: list[Preview] = []
    for name in flags.audio:
        recordings = open_source(name, rate_hz)
        for number in range(min(len(recordings), flags.limit - len(previews))):
            samples, shown = recordings[number], str(recordings.recordings[number])
            draws = [
                draw_augmentations(augmentations, flags.clock, flags.random_seed, variant, shown)
                for variant in range(flags.variants)
            ]
            made = [make_variant(samples, rate_hz, drawn, sources) for drawn in ((), *draws)]
            previews.append(Preview(shown, made[0], tuple(made[1:])))
    page = preview_page(previews, [str(one) for one in augmentations], rate_hz)
    write_atomically(Path(flags.output), page.encode())
    return len(previews)


if __name__ == "__main__":
    main()
