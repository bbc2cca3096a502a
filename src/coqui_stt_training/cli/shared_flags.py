"""The flags that all of upstream's commands accept: scripts pass one set to several commands."""

from __future__ import annotations

from .config import LmOptimizeConfig, TrainConfig
from .export_flags import ExportConfig

SHARED = (TrainConfig, ExportConfig, LmOptimizeConfig)
