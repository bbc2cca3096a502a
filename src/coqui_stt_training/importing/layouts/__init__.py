"""The layouts of public corpora, by the names of their importers."""

from __future__ import annotations

from ..layout import Layout
from .aishell import AISHELL
from .common_voice import COMMON_VOICE
from .fleurs import FLEURS
from .ldc93s1 import LDC93S1
from .librispeech import LIBRISPEECH
from .metadata_csv import LJSPEECH, M_AILABS
from .mls import MLS
from .tedlium import TEDLIUM
from .tuda import TUDA
from .vctk import VCTK
from .voxpopuli import VOXPOPULI

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        LDC93S1, LIBRISPEECH, COMMON_VOICE, MLS, FLEURS, VOXPOPULI, TEDLIUM, AISHELL, VCTK,
        M_AILABS, TUDA, LJSPEECH,
    )
}  # fmt: skip
