"""How fast paho alone publishes to a broker with QoS 1: what a storm is compared with."""

import time

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.bench.processes import BenchError

IN_FLIGHT = 20

_LIMIT_S = 120.0


def publish(port: int, *, count: int, payload_bytes: int) -> float:
    """Messages a second that the broker acknowledges, 20 in flight, MQTT 5, to a topic that nobody has subscribed.

    Nothing is stored or looked at: an upper bound for anyone who publishes from Python. Blocks; one thread, no queue.
    Raises BenchError.
    """
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.max_inflight_messages_set(IN_FLIGHT)
    payload = b"x" * payload_bytes
    acknowledged = 0

    def heard_ack(*_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1

    client.on_publish = heard_ack
    client.connect("127.0.0.1", port)
    try:
        deadline = time.monotonic() + _LIMIT_S
        while not client.is_connected():
            _turn(client, deadline)
        begun, sent = time.perf_counter(), 0
        while acknowledged < count:
            while sent < count and sent - acknowledged < IN_FLIGHT:
                client.publish("bench/raw", payload, qos=1)
                sent += 1
            _turn(client, deadline)
        return count / (time.perf_counter() - begun)
    finally:
        client.disconnect()


def _turn(client: Client, deadline: float) -> None:
    if client.loop(timeout=1.0) is not MQTTErrorCode.MQTT_ERR_SUCCESS or time.monotonic() > deadline:
        raise BenchError("raw publishing to the broker failed; is mosquitto well?")
