"""`python -m stt` is the `stt` command."""

import sys

from .client import main

sys.exit(main())
