"""The client's end of a call."""

from starlette.types import Message, Receive


class Line:
    """The client's end of a call: remembers that it hung up.

    Args:
        receive: The request's ASGI channel, its body read already.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.gone = False

    async def receive(self) -> Message:
        """Return the next message of the client."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
        return message
