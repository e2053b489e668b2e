"""How long OpenAI's client waits when it is told to come back, and what it raises if not."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import httpx2
import pytest
from openai import AsyncOpenAI, RateLimitError

from infra.settings import Settings
from producer.api.app import OPENAI_PATHS
