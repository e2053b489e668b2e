"""`genq key`: the API key in use, for curl and for other people's clients."""

from genq.cli.options import ApiKey, Url
from genq.cli.profile import connection
from genq.cli.screen import print_data


def key(url: Url = None, api_key: ApiKey = None) -> None:
    """Print the API key in use."""
    print_data(connection(url, api_key).api_key)
