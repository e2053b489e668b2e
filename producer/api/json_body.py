"""What every operation that takes a JSON body may answer about it."""

from typing import Final

from producer.api.document import problems

JSON_BODY: Final = problems(
    _400="The body is wrong; errors[] says where.",
    _413="The body is too large.",
    _415="The body is not JSON.",
)
