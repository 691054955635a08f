"""The orderly end of a listening server: asyncio forgets a connection that is just being accepted when its server closes."""

import asyncio

#: Turns of the loop that an accepted connection needs until its protocol is told of it; and one of reserve.
_TURNS = 4


async def accept_no_more(server: asyncio.Server) -> None:
    """Take no further caller, and let those who are being accepted in, so that whoever listens can close them too.

    Call it before `server.close()`.
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        loop.remove_reader(sock.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
