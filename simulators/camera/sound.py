"""What a camera's microphone hears: a tone, in G.711 A-law."""

import numpy as np
from numpy.typing import NDArray

RATE = 8000  # samples a second, RFC 3551 section 4.5.14
PAYLOAD_TYPE = 8  # PCMA, RFC 3551 table 4
#: The tone, Hz; a loop of one second has whole periods of it.
TONE_HZ = 440
_AMPLITUDE = 8000  # of 32 767: about -12 dB


class Tone:
    """Packets of one tone. `packet_ms` is 20 or 40; raises ValueError for another length."""

    def __init__(self, packet_ms: int = 20) -> None:
        if packet_ms not in {20, 40}:
            raise ValueError(f"sound in packets of {packet_ms} ms: 20 and 40 can be had")
        self.packet_ms = packet_ms
        self.samples = RATE * packet_ms // 1000
        times = np.arange(RATE) / RATE
        self._second = a_law((_AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16))

    def payload(self, number: int) -> bytes:
        """What is heard in packet `number` since the beginning."""
        at = number * self.samples % RATE
        return self._second[at : at + self.samples]


def a_law(samples: NDArray[np.int16]) -> bytes:
    """G.711 A-law of 16 bit samples: sign, 3 bits of segment, 4 of step, even bits inverted (ITU-T G.711 table 1a)."""
    linear = samples.astype(np.int32) >> 3  # 12 bits and a sign are what it codes
    magnitude = np.where(linear >= 0, linear, -linear - 1)
    segment = np.zeros_like(magnitude)
    for end in (32, 64, 128, 256, 512, 1024, 2048):
        segment += magnitude >= end
    step = np.where(segment < 2, magnitude >> 1, magnitude >> np.maximum(segment, 1)) & 0x0F
    code = segment << 4 | step | np.where(linear >= 0, 0x80, 0)
    return bytes((code ^ 0x55).astype(np.uint8))
