"""Whether a run tries all that there is (`make thorough`), or what a run of minutes has room for."""

import os

THOROUGH = os.environ.pop("WAFAA_THOROUGH", "") == "1"  # Taken away: there is no such setting.
