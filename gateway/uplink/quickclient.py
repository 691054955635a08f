"""paho's client with fewer calls of the system and less work for each message: a storm is thousands of them a second.

What has come is read from the socket in one call, what one turn of the loop has to send is written in one, and a plain
PUBACK is taken without making MQTT 5 properties for it. This overrides methods of paho that are not public, so
`pyproject.toml` allows the one series that has them, and a test looks for each.
"""

import struct
from typing import Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

#: Read at once, and gathered before it is written at most.
READ_BYTES = 16 * 1024
GATHER_BYTES = 64 * 1024

_PLAIN_PUBACK_BYTES = 2  # the packet's number alone: it stands for success
_SUCCESS = ReasonCode(PacketTypes.PUBACK)
_NO_PROPERTIES = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]  # paho leaves it untyped


class QuickClient(paho.Client):
    """For a client whose loop functions are called from outside, in one thread. One connection for each."""

    _read: bytes = b""
    _taken: int = 0
    _has_received: bool = False  # in this call of `loop_read`
    _gathered: bytes = b""

    # ---- reading

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Deal with what one call of the system gives: whoever sends without end must not keep the loop to himself."""
        self._has_received = False
        result = super().loop_read(max_packets)
        while self._taken < len(self._read) and self.socket() is not None:
            result = super().loop_read(max_packets)
        return result

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._taken >= len(self._read):
            if self._has_received:
                raise BlockingIOError
            self._read, self._taken = super()._sock_recv(READ_BYTES), 0
            self._has_received = True
        begin = self._taken
        self._taken = min(begin + bufsize, len(self._read))
        return self._read[begin : self._taken]

    # ---- writing

    def want_write(self) -> bool:
        """Whether bytes wait because the line does not take them, or were not tried yet."""
        return bool(self._gathered) or super().want_write()

    def _packet_write(self) -> MQTTErrorCode:
        result = super()._packet_write()
        if result is not paho.MQTT_ERR_SUCCESS or not self._gathered:
            return result
        try:
            self._send_gathered()
        except BlockingIOError:
            return paho.MQTT_ERR_AGAIN
        except OSError:
            return paho.MQTT_ERR_CONN_LOST
        return result

    def _sock_send(self, buf: bytes | bytearray) -> int:
        """Paho counts what is gathered as sent. After a DISCONNECT it closes the socket, so that goes out at once."""
        ends = buf[0] & 0xF0 == paho.DISCONNECT
        if ends or len(self._gathered) >= GATHER_BYTES:
            self._send_gathered()
        if ends:
            return super()._sock_send(buf)
        self._gathered += buf
        return len(buf)

    def _send_gathered(self) -> None:
        """Raises BlockingIOError where the line does not take it all; the rest is kept."""
        while self._gathered:
            self._gathered = self._gathered[super()._sock_send(self._gathered) :]

    # ---- acknowledgements

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        if cmd != "PUBACK" or len(packet) != _PLAIN_PUBACK_BYTES:
            return super()._handle_pubackcomp(cmd)
        (number,) = struct.unpack("!H", packet)
        with self._out_message_mutex:
            if number in self._out_messages:
                return self._do_on_publish(number, _SUCCESS, _NO_PROPERTIES)
        return paho.MQTT_ERR_SUCCESS
