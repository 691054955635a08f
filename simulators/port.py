"""A TCP port of 127.0.0.1 that stays ours while nobody listens on it: refused meanwhile, never given to another."""

import socket

#: Receive buffer of accepted connections: small, so that a stalled or slow reader is soon felt by the sender.
RECEIVE_BUFFER_BYTES = 128 * 1024


class ReservedPort:
    """Holds a port by a socket that is bound and never listens (Linux: SO_REUSEADDR lets one other socket listen there).

    While only this one is there, the kernel refuses connections and gives the port to nobody else; so a simulator
    or a broker can go away and come back at the same address without a race.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self._keeper = _bound(host, port)
        self.number: int = self._keeper.getsockname()[1]

    def listen(self) -> socket.socket:
        """A non-blocking listener on this port; whoever takes it closes it. Raises OSError when one listens already."""
        listener = _bound(self.host, self.number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        listener.settimeout(0.0)
        try:
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        return listener

    def release(self) -> None:
        """Give the port back. Doing so twice does no harm."""
        self._keeper.close()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
