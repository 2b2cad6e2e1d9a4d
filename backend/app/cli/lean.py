"""What a server does once it has started, to stay small."""

import ctypes
import gc
from contextlib import suppress


def settle() -> None:
    """Gives back what starting took, and looks no more at what will stay.

    Modules and wiring live as long as the process: the collector, and the pages they lie on, are left alone. Where
    the C library isn't GNU's, nothing is given back.
    """
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
