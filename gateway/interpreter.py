"""How the Python interpreter is set for a process that must not keep an alarm waiting."""

import gc
import sys

#: A thread that wants to run waits so long for one that computes (CPython's own default: 5 ms). The journal's writer
#: asks anew after each statement of SQL: ten times for an alarm, while the event loop forwards the ones before.
SWITCH_INTERVAL_S = 0.0005


def settle() -> None:
    """Once the program is loaded, before the event loop begins.

    What has been loaded by now stays for good: a full garbage collection that looks at it all again would hold up an
    alarm for 50 ms.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
