"""The committed OpenAPI document is the one that the code tells."""

from tests.architecture.openapi import FILE, openapi


def test_the_committed_document_is_the_one_that_the_code_tells() -> None:
    if FILE.read_bytes() != openapi():
        raise AssertionError(
            "producer/api/openapi.json is not what the API tells: make openapi"
        )
