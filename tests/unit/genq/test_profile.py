"""Flags win over the environment, that over the profile, and keys stay with their server."""

from pathlib import Path

import pytest

from genq import ConfigurationError
from genq.cli.profile import Connection, connection, default_data_dir, read_profile
from tests.fixtures.api_stub import Home

PROFILE = """
url = "http://here:1"
api_key = "gq_here"
webhook_secret = "whsec_x"
"""
STAGING = """
url = "http://there:2"
api_key = "gq_there"
later = 1
"""


def test_the_profile_needs_no_flags(home: Home) -> None:
    home.write_profile(PROFILE)

    assert connection(None, None) == Connection("http://here:1", "gq_here")
    assert read_profile().webhook_secret == "whsec_x"


def test_the_environment_wins_over_the_profile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_profile(PROFILE)
    monkeypatch.setenv("GENQ_API_KEY", "gq_env")

    assert connection(None, None) == Connection("http://here:1", "gq_env")
    monkeypatch.setenv("GENQ_URL", "http://env:3")
    assert connection(None, None) == Connection("http://env:3", "gq_env")


def test_a_flag_wins_over_everything(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_profile(PROFILE)
    monkeypatch.setenv("GENQ_URL", "http://env:3")
    monkeypatch.setenv("GENQ_API_KEY", "gq_env")

    assert connection("http://flag:4", "gq_flag") == Connection("http://flag:4", "gq_flag")


def test_a_profile_is_chosen_by_its_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_profile(STAGING, "staging")
    monkeypatch.setenv("GENQ_PROFILE", "staging")

    assert connection(None, None) == Connection("http://there:2", "gq_there")
    assert default_data_dir() == home.data / "genq" / "staging"


def test_the_profiles_key_is_not_shown_to_another_server(home: Home) -> None:
    home.write_profile(PROFILE)

    with pytest.raises(ConfigurationError, match="no API key is known for http://evil"):
        connection("http://evil", None)
    assert connection("http://here:1/", None).api_key == "gq_here"


def test_without_any_server_it_says_what_to_do(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="run `genq up`, or set GENQ_URL"):
        connection(None, None)


def test_an_unknown_profile_is_named_with_the_closest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_profile(STAGING, "staging")
    monkeypatch.setenv("GENQ_PROFILE", "stagin")

    with pytest.raises(
        ConfigurationError, match=r"no profile stagin in .*; did you mean staging"
    ):
        connection(None, None)


def test_a_profile_name_cannot_lead_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENQ_PROFILE", "../x")

    with pytest.raises(ConfigurationError, match="letters, digits"):
        default_data_dir()


def test_a_broken_file_is_named_with_its_fault(home: Home) -> None:
    path = home.write_profile("url = \n")

    with pytest.raises(ConfigurationError, match=f"{path}: not valid TOML"):
        connection(None, None)


def test_values_that_are_no_text_count_as_not_given(home: Home) -> None:
    home.write_profile("url = [1]\n[api_key]\nx = 1\n")

    with pytest.raises(ConfigurationError, match="no genq server is known"):
        connection(None, None)


def test_a_folder_in_the_files_place_is_named(home: Home) -> None:
    Path(home.config / "genq" / "profiles" / "default.toml").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match="cannot read"):
        connection(None, None)
