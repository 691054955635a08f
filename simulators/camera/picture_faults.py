"""The ways in which a camera's picture can be bad while its stream is in health."""

from enum import StrEnum


class PictureFault(StrEnum):
    """One at a time. The overlay (strip, time, title) is drawn after the lens, so all but FROZEN leave it alone."""

    NONE = "none"
    BLACK = "black"  # nothing but a sensor's noise
    BRIGHT = "bright"  # washed out: a lamp into the lens, or a sensor that has failed
    COVERED = "covered"  # a hand, a bag, paint: near one grey, with a little gradient
    BLURRED = "blurred"  # out of focus, breath or a cobweb on the dome
    FROZEN = "frozen"  # the same picture again and again; its clock stands
    MOVED = "moved"  # turned: it looks at another part of the same yard
    SIGNAL = "signal"  # an encoder without a camera: a blue card that says so
