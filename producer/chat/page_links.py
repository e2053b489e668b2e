"""Links that the bot hands out in private: to a page that links accounts, and to a gallery."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.api_keys import digest_of
from infra.clock import Clock
from infra.gallery_tokens import GalleryGrant, GalleryTokens
from infra.postgres import chat_links
from infra.postgres.engine import transaction
from schemas.chat import Platform

GALLERY_LIFE: Final = timedelta(hours=24)
LINK_LIFE: Final = timedelta(minutes=15)
GALLERY_PATH: Final = "/chat/gallery"
LINK_PATH: Final = "/chat/link"

_RANDOM_BYTES: Final = 24


class PageLinks:
    """Makes links, and reads them again.

    Args:
        pepper: ``GENQ_KEY_PEPPER``.
        public_url: Where clients reach the API, without a final slash.
        clock: Tells when a link ends.
    """

    def __init__(self, pepper: str, public_url: str, clock: Clock) -> None:
        self._pepper = pepper
        self._galleries = GalleryTokens(pepper)
        self._public_url = public_url
        self._clock = clock

    def gallery(self, tenant_id: int, end_user: str) -> str:
        """Return a link to what somebody made for a tenant; it works for a day from now on.

        Args:
            tenant_id: Whose jobs they are.
            end_user: ``<platform>:<user id>``.
        """
        ends = int((self._clock.now() + GALLERY_LIFE).timestamp())
        token = self._galleries.make(GalleryGrant(tenant_id, end_user, ends))
        return f"{self._public_url}{GALLERY_PATH}/{token}"

    def read_gallery(self, token: str) -> tuple[GalleryGrant, timedelta] | None:
        """Return what a gallery's token grants, and for how long still; ``None``: nothing."""
        grant = self._galleries.read(token)
        if grant is None:
            return None
        now = self._clock.now()
        rest = datetime.fromtimestamp(grant.expires_at, now.tzinfo) - now
        return (grant, rest) if rest > timedelta(0) else None

    async def new_link(
        self, engine: AsyncEngine, platform: Platform, place_id: str, user_id: str
    ) -> str:
        """Return a link at which a place or a person is linked to a tenant, once.

        Args:
            engine: PostgreSQL.
            platform: Where.
            place_id: The place that is to be linked: only whoever may manage it may have such
                a link; empty: the user links themselves, wherever they are.
            user_id: Who asks.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        code = secrets.token_urlsafe(_RANDOM_BYTES)
        async with transaction(engine) as connection:
            await chat_links.make_link(
                connection,
                self.digest(code),
                platform=platform,
                place_id=place_id,
                user_id=user_id,
                life=LINK_LIFE,
            )
        return f"{self._public_url}{LINK_PATH}/{code}"

    def digest(self, code: str) -> bytes:
        """Return what stands for a link's code in the database."""
        return digest_of(code, self._pepper)
