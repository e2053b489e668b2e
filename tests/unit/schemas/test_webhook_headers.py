import pytest

from schemas.webhook_headers import LONGEST_VALUE, fault_of_header, is_reserved


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "connection",
        "Transfer-Encoding",
        "Proxy-Authorization",
        "content-length",
        "Content-Type",
        "webhook-signature",
        "Svix-Id",
        "GENQ-attempt",
        "cookie",
        "Accept-Encoding",
        "traceparent",
        "X-Forwarded-For",
        "Metadata-Flavor",
    ],
)
def test_a_header_that_genq_or_http_itself_needs_is_refused_by_name(name: str) -> None:
    assert is_reserved(name)
    fault = fault_of_header(name, "x")
    assert fault is not None
    assert name in fault


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "x" * 129, "a\x00"])
def test_a_name_that_http_does_not_allow_is_refused_and_not_repeated(name: str) -> None:
    fault = fault_of_header(name, "x")
    assert fault is not None
    assert not name or name not in fault


@pytest.mark.parametrize(
    "value", ["", " x", "x ", "a\r\nX-Other: b", "a\x00", "ä", "\t", "s" * (LONGEST_VALUE + 1)]
)
def test_a_value_that_could_break_out_of_its_line_is_refused_and_not_repeated(
    value: str,
) -> None:
    fault = fault_of_header("X-Token", value)
    assert fault is not None
    assert "X-Token" in fault
    assert not value.strip() or value not in fault


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "x_odd.name", "Hosting"])
def test_any_other_header_may_be_added(name: str) -> None:
    assert fault_of_header(name, "Bearer abc, def; q=1") is None
