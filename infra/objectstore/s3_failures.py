"""What an S3 server's refusal means, and what a person can do about it: the one table."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

from schemas.errors import ObjectMissingError, ObjectStoreError

_KEYS: Final = "check GENQ_S3_ACCESS_KEY and GENQ_S3_SECRET_KEY"
_REGION: Final = "the bucket is in another region: set GENQ_S3_REGION"
_BUSY: Final = "the store is overloaded; the next attempt may succeed"
_CLOCK: Final = "the clock of this machine is wrong; set it"

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SignatureDoesNotMatch": f"the secret key is wrong; {_KEYS}",
        "InvalidAccessKeyId": f"the access key is unknown there; {_KEYS}",
        "AccessDenied": "allow this key s3:PutObject and s3:GetObject on the bucket",
        "ExpiredToken": "the credentials of this machine's role have expired; renew them",
        "InvalidToken": "the session token is not valid; renew the credentials",
        "NoSuchBucket": "create the bucket, or correct GENQ_OBJECT_STORE",
        "InvalidBucketName": "correct the bucket in GENQ_OBJECT_STORE",
        "RequestTimeTooSkewed": _CLOCK,
        "RequestExpired": _CLOCK,
        "PermanentRedirect": _REGION,
        "TemporaryRedirect": _REGION,
        "AuthorizationHeaderMalformed": _REGION,
        "AuthorizationQueryParametersError": _REGION,
        "EntityTooLarge": "the object is larger than the store takes",
        "QuotaExceeded": "the bucket's quota is used up",
        "SlowDown": _BUSY,
        "ServiceUnavailable": _BUSY,
        "InternalError": _BUSY,
    }
)
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_NOT_FOUND: Final = 404


def explain_answer(status: int, body: bytes, *, place: str, key: str) -> ObjectStoreError:
    """Return the error of an HTTP answer.

    Args:
        status: Not 200.
        body: The beginning of the answer, usually S3's XML.
        place: The bucket and endpoint, for the message.
        key: The object asked for.
    """
    found = _CODE.search(body)
    code = found.group(1).decode() if found else ""
    if code == "NoSuchKey" or (status == _NOT_FOUND and not code):
        return ObjectMissingError(f"no object {key} in {place}; retention may have removed it")
    return _refusal(code or f"HTTP {status}", place)


def explain_exception(error: Exception, place: str) -> ObjectStoreError:
    """Return the error of a request that got no answer, or of a boto3 call."""
    if isinstance(error, ClientError):
        return _refusal(error.response.get("Error", {}).get("Code", "unknown"), place)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        what = "set GENQ_S3_ACCESS_KEY and GENQ_S3_SECRET_KEY, or give this machine an AWS role"
        return ObjectStoreError(f"{place}: no credentials found; {what}")
    if isinstance(error, TimeoutError):
        return ObjectStoreError(f"{place}: no answer in time; see whether the store is healthy")
    if isinstance(error, RuntimeError):
        return ObjectStoreError(f"{place}: the store is closed; this process is stopping")
    # The text of these exceptions can hold a presigned URL, which is a credential.
    return ObjectStoreError(
        f"{place}: cannot be reached ({type(error).__name__}); see whether the server runs and "
        "whether GENQ_S3_ENDPOINT is right"
    )


def _refusal(code: str, place: str) -> ObjectStoreError:
    return ObjectStoreError(f"{place}: {code}: {ADVICE.get(code, 'see the log of the store')}")
