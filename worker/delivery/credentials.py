"""How a request proves who sends it, beside the signature: what the endpoint's owner chose."""

import asyncio
import base64
import ssl
from typing import Final

from infra.http.client_certificates import ClientCertificates
from schemas.receiver import Receiver
from schemas.webhooks import AuthKind
from worker.delivery.failures import CannotSendError
from worker.delivery.schedule import Outcome
from worker.delivery.tokens import Tokens

_BEARER: Final = "Bearer "
_CROWDED: Final = "too many client certificates are made ready at once"


class Credentials:
    """Finds the ``Authorization`` header and the TLS context for a receiver.

    Args:
        tokens: Of OAuth 2.0.
        certificates: Of mutual TLS.
    """

    def __init__(self, tokens: Tokens, certificates: ClientCertificates) -> None:
        self._tokens = tokens
        self._certificates = certificates

    async def authorization(self, receiver: Receiver, *, seconds: float) -> str | None:
        """Return the value of the header; ``None``: none is sent.

        Args:
            receiver: Who asks for it.
            seconds: That the attempt has left.

        Raises:
            CannotSendError: There is none that could be sent.
        """
        match receiver.auth_kind:
            case AuthKind.BASIC:
                pair = f"{_said(receiver, 'username')}:{_said(receiver, 'password')}"
                return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
            case AuthKind.BEARER:
                return _BEARER + _said(receiver, "token")
            case AuthKind.OAUTH2:
                return _BEARER + await self._tokens.token(receiver, seconds=seconds)
            case AuthKind.NONE | AuthKind.MTLS:
                return None

    def renews(self, receiver: Receiver, authorization: str | None) -> bool:
        """Return whether another header is worth trying after this one was not taken."""
        if receiver.auth_kind is not AuthKind.OAUTH2 or authorization is None:
            return False
        self._tokens.drop(receiver, authorization.removeprefix(_BEARER))
        return True

    async def tls(self, receiver: Receiver, *, seconds: float) -> ssl.SSLContext | None:
        """Return how to greet the receiver; ``None``: as everybody.

        Args:
            receiver: Who wants a certificate, or none.
            seconds: The longest wait for the making of what shows it.

        Raises:
            CannotSendError: The certificate, or its key, cannot be used; or too many others are
                made ready just now.
        """
        if receiver.auth_kind is not AuthKind.MTLS:
            return None
        certificate, key = _said(receiver, "certificate"), _said(receiver, "key")
        owner = (receiver.lane_id, receiver.revision)
        try:
            async with asyncio.timeout(seconds):
                return await self._certificates.context(
                    receiver.tenant_id, owner, certificate, key
                )
        except ValueError as error:
            raise CannotSendError(Outcome.TLS_ERROR, str(error)) from None
        except TimeoutError:
            raise CannotSendError(Outcome.DEFERRED, _CROWDED) from None


def _said(receiver: Receiver, name: str) -> str:
    value = receiver.auth.get(name)
    if not isinstance(value, str):
        raise CannotSendError(Outcome.INTERNAL, f"the endpoint's credentials have no {name}")
    return value
