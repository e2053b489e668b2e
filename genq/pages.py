"""Lists that go on by themselves: a page, and all the pages after it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")
Query = Mapping[str, object]
Found = tuple[tuple[Item, ...], str | None]
"""The items of one page, and where the next one begins; ``None`` at the end."""


class Page(Generic[Item]):
    """One page of a list; iterating goes on over all later pages.

    Attributes:
        data: The items of this page.
        next: Where the next page begins (its ``after``); ``None`` at the end.
    """

    def __init__(self, fetch: Callable[[Query], Found[Item]], query: Query) -> None:
        self._fetch = fetch
        self._query = query
        self.data, self.next = fetch(query)

    @property
    def has_more(self) -> bool:
        """Whether there is a page after this one."""
        return self.next is not None

    def next_page(self) -> "Page[Item] | None":
        """Return the page after this one, or ``None`` at the end."""
        if self.next is None:
            return None
        return Page(self._fetch, {**self._query, "after": self.next})

    def iter_pages(self) -> "Iterator[Page[Item]]":
        """Yield this page and all later ones."""
        page: Page[Item] | None = self
        while page is not None:
            yield page
            page = page.next_page()

    def __iter__(self) -> Iterator[Item]:
        for page in self.iter_pages():
            yield from page.data


class AsyncPage(Generic[Item]):
    """One page of a list; iterating goes on over all later pages. See ``Page``."""

    def __init__(
        self, fetch: Callable[[Query], Awaitable[Found[Item]]], query: Query, found: Found[Item]
    ) -> None:
        self._fetch = fetch
        self._query = query
        self.data, self.next = found

    @property
    def has_more(self) -> bool:
        """Whether there is a page after this one."""
        return self.next is not None

    async def next_page(self) -> "AsyncPage[Item] | None":
        """Return the page after this one, or ``None`` at the end."""
        if self.next is None:
            return None
        query = {**self._query, "after": self.next}
        return AsyncPage(self._fetch, query, await self._fetch(query))

    async def iter_pages(self) -> "AsyncIterator[AsyncPage[Item]]":
        """Yield this page and all later ones."""
        page: AsyncPage[Item] | None = self
        while page is not None:
            yield page
            page = await page.next_page()

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.iter_pages():
            for item in page.data:
                yield item


class AsyncPages(Generic[Item]):
    """A list that nobody has asked for yet: ``await`` it for its first page, or iterate."""

    def __init__(self, fetch: Callable[[Query], Awaitable[Found[Item]]], query: Query) -> None:
        self._fetch = fetch
        self._query = query

    def __await__(self) -> Generator[object, None, AsyncPage[Item]]:
        return self._first().__await__()

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for item in await self._first():
            yield item

    async def iter_pages(self) -> AsyncIterator[AsyncPage[Item]]:
        """Yield the first page and all later ones."""
        async for page in (await self._first()).iter_pages():
            yield page

    async def _first(self) -> AsyncPage[Item]:
        return AsyncPage(self._fetch, self._query, await self._fetch(self._query))
