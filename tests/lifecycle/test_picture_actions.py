"""What is made of a job's pictures, from the call to the end, against the simulator."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from infra.settings import Settings
from schemas.picture_skills import PictureSkills
from tests.fixtures.studio import Studio, play


def test_a_picture_goes_from_imagine_over_vary_and_upscale_to_a_replay(
    settings: Settings, tmp_path: Path
) -> None:
    async def scenario(studio: Studio) -> None:
        first = await studio.imagine(n=2)
        assert first["lineage"] is None
        varied = await studio.act(first, "vary", index=1, strength="strong")
        print(varied)
        large = await studio.act(varied, "upscale", index=0)
        print(large)
        again = await studio.act(first, "reroll")
        same = await studio.act(again, "replay")
        print(same)
        print(await studio.look(large["id"], "/tree"))

    play(settings, tmp_path / "objects", scenario)
