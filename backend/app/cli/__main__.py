"""``python -m app.cli``: how a command starts another one in a process of its own."""

import sys

from app.cli.entry import main

sys.exit(main())
