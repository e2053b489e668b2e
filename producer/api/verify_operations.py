"""``POST /v1/verify`` as the OpenAPI document tells of it."""

from typing import Final

from producer.api.document import answer, problems
from producer.api.operations import Operation
from schemas.scopes import KeyScope

VERIFY: Final = Operation(
    name="verify",
    method="POST",
    path="/v1/verify",
    summary="Where does it come from?",
    description="Send a PNG, JPEG or WebP file as it is, or in a form under the name file; or "
    "JSON with its sha256, or a text. Tells what Content Credentials (C2PA) and XMP inside "
    "of the file say, and whether this installation made it: the very bytes, or something "
    "that looks or reads like it, after metadata was stripped or the picture was encoded "
    "anew. Where nothing is found, that does not mean that a person made it.",
    tag="safety",
    scope=KeyScope.JOBS_READ,
    body="VerifyRequest",
    takes_picture=True,
    answers={200: answer("What is known.", "VerificationView")}
    | problems(
        _400="It is no PNG, JPEG or WebP file, damaged, or too large to be unpacked; or the "
        "body is wrong.",
        _413="The body is too large.",
        _415="The body is neither a picture, nor a form, nor JSON.",
    ),
)
