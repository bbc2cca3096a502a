"""What upstream's commands all know: scripts pass one set of flags to several of them."""

from __future__ import annotations

from .config import LmOptimizeConfig, TrainConfig
from .export_flags import ExportConfig

SHARED = (TrainConfig, ExportConfig, LmOptimizeConfig)
