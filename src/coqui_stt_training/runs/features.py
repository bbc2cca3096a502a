"""The features of a run: those of its source, or those that the flags describe."""

from __future__ import annotations

import logging
from dataclasses import replace

from stt.frontends import FrontEnd
from stt.frontends.mfcc_config import FeatureConfig

from ..checkpoints.source import SourceModel
from ..cli.feature_flags import FEATURE_FLAGS, FeatureFlags

_log = logging.getLogger(__name__)


def choose_features(
    flags: FeatureFlags, source: SourceModel | None, given: frozenset[str]
) -> FrontEnd:
    """Return the features of the source, except for values that were given as flags."""
    asked = flags.to_config()
    if source is None or source.features is None:
        return asked
    known = source.features
    if not isinstance(known, FeatureConfig):
        return fixed_features(source.specification.architecture, known, given)
    changes = {
        field: getattr(asked, field)
        for field, name in FEATURE_FLAGS.items()
        if name in given and getattr(asked, field) != getattr(known, field)
    }
    for field, value in changes.items():
        _log.warning(
            "The source was trained with --%s %s; using %s as given",
            FEATURE_FLAGS[field], getattr(known, field), value,
        )  # fmt: skip
    return replace(known, **changes)


def fixed_features(architecture: str, front_end: FrontEnd, given: frozenset[str]) -> FrontEnd:
    """Return the fixed front end of an architecture, and log the flags that do not change it."""
    for name in FEATURE_FLAGS.values():
        if name in given:
            _log.warning(
                "--%s has no effect: %s models use %s at %d Hz",
                name, architecture, front_end.kind, front_end.sample_rate_hz,
            )  # fmt: skip
    return front_end
