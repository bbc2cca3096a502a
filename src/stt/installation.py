"""Detects other packages that install files of the same names as this one.

Coqui's `stt` (1.4 and earlier), `coqui_stt_ctcdecoder` and `coqui_stt_training` use the same
folders as this package. pip does not notice: installing one of them overwrites our files, and
uninstalling it removes them.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path

OWN_DISTRIBUTION = "coqui-stt"
_REMEDY = (
    "pip uninstall -y stt stt-tflite coqui_stt_ctcdecoder coqui_stt_training, then pip install "
    "--force-reinstall --no-deps with what you installed coqui-stt from"
)
# Packages with files in our folders, as named in `.dist-info`.
_FOREIGN = ("stt", "stt_tflite", "coqui_stt_ctcdecoder", "coqui_stt_training")


class InstallationError(ImportError):
    """Files of this package are missing, or replaced by those of another package.

    It is not a `UserError`, because the file with that class may be affected.
    """


def check_own_files(package: str) -> None:
    """Check that the files of a package are ours.

    Raises:
        InstallationError: the files are of another package, or missing.
    """
    module = import_module(package)
    if getattr(module, "DISTRIBUTION", None) == OWN_DISTRIBUTION:
        return
    what = (
        f"{module.__file__} is of another package, installed over {OWN_DISTRIBUTION}"
        if getattr(module, "__file__", None)
        else f"files of {package} are gone, as after removing a package of the same name"
    )
    raise InstallationError(f"{what}. To mend it: {_REMEDY}")


def foreign_distributions(site_packages: Path) -> list[str]:
    """Return the installed packages with files in our folders, such as `stt 1.4.0`.

    A package without modules, such as the one in `packaging/stt`, is harmless and not listed.

    Args:
        site_packages: folder that contains our packages.
    """
    found = []
    for entry in os.listdir(site_packages):  # noqa: PTH208 - every `import stt` waits for this
        name, _, version = entry.removesuffix(".dist-info").partition("-")
        if name not in _FOREIGN or not entry.endswith(".dist-info"):
            continue
        record = site_packages / entry / "RECORD"
        if record.is_file() and "/__init__.py," in record.read_text("utf-8", "replace"):
            found.append(f"{name} {version}")
    return sorted(found)


def warn_of_foreign_distributions(site_packages: Path) -> None:
    """Warn if another package has files in our folders; uninstalling it would break this one."""
    found = foreign_distributions(site_packages)
    if found:
        warnings.warn(
            f"{' and '.join(found)} and {OWN_DISTRIBUTION} write into the same folders, and pip "
            f"would remove files of one with the other. To mend it: {_REMEDY}",
            RuntimeWarning,
            stacklevel=3,
        )
