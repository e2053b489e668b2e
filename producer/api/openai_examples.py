"""Examples of OpenAI's bodies for the OpenAPI document, by the schema's name."""

from typing import Any, Final

_ID: Final = "01kb0q5v3mf0t8w2c7d4e9g6hj"
_CREATED: Final = 1_763_632_800
_MESSAGES: Final = [{"role": "user", "content": "A haiku about queues, please."}]
_HAIKU: Final = "Quietly they wait\none after another, then\neach is called by name"
_USAGE: Final = {"prompt_tokens": 14, "completion_tokens": 18, "total_tokens": 32}
_GENQ: Final[dict[str, Any]] = {
    "job_id": f"job_{_ID}",
    "status": "succeeded",
    "lane": "fast",
    "priority": 5,
    "attempts": 1,
    "queued_seconds": 0.008,
    "running_seconds": 1.204,
    "cache": {"status": "off", "of": None},
    "safety": None,
    "url": f"http://127.0.0.1:8080/v1/jobs/job_{_ID}",
}
_MODEL: Final[dict[str, Any]] = {
    "id": "sim-chat-1",
    "object": "model",
    "created": 1_763_640_000,
    "owned_by": "simulator",
    "genq": {"kinds": ["chat"]},
}
# As small as a PNG file can be.
_PIXEL: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAQAAAAA3bvkkAAAA"
    "CklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg=="
)
_LINK: Final = "http://127.0.0.1:8080/v1/artifacts/gqa_AAAAAAAAAAEBogCooWV3…"

OPENAI_EXAMPLES: Final[dict[str, Any]] = {
    "ResponseRequest": {
        "model": "sim-chat-1",
        "input": "A haiku about queues, please.",
        "instructions": "You are a poet of few words.",
        "background": True,
        "metadata": {"page": "start"},
    },
    "ChatCompletionRequest": {
        "model": "sim-chat-1",
        "messages": _MESSAGES,
        "service_tier": "priority",
        "safety_identifier": "user-42",
    },
    "ChatCompletionView": {
        "id": f"chatcmpl-{_ID}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": "sim-chat-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _HAIKU, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _USAGE,
        "service_tier": "priority",
        "genq": {**_GENQ, "lane": "turbo"},
    },
    "CompletionRequest": {"model": "sim-chat-1", "prompt": "Quietly they wait"},
    "CompletionView": {
        "id": f"cmpl-{_ID}",
        "object": "text_completion",
        "created": _CREATED,
        "model": "sim-chat-1",
        "choices": [
            {
                "index": 0,
                "text": ", one after another",
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _USAGE,
        "genq": _GENQ,
    },
    "EmbeddingRequest": {"model": "sim-embedding-1", "input": ["a red kite", "a blue boat"]},
    "EmbeddingView": {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125]},
            {"object": "embedding", "index": 1, "embedding": [0.5, 0.25, -0.75]},
        ],
        "model": "sim-embedding-1",
        "usage": {"prompt_tokens": 6, "total_tokens": 6},
        "genq": _GENQ,
    },
    "SpeechRequest": {
        "model": "sim-speech-1",
        "input": "Next, please.",
        "voice": "alloy",
        "response_format": "mp3",
    },
    "ImageGenerationRequest": {
        "model": "sim-image-1",
        "prompt": "a red kite over green hills",
        "n": 2,
        "size": "1024x1024",
        "response_format": "url",
    },
    "ImageEditRequest": {
        "model": "sim-image-1",
        "prompt": "make it night",
        "images": [{"image_url": _PIXEL}],
        "response_format": "url",
    },
    "ImageEditForm": {
        "model": "sim-image-1",
        "prompt": "make it night",
        "image": "(the bytes of kite.png)",
    },
    "ImagesView": {
        "created": _CREATED,
        "data": [{"url": _LINK}],
        "output_format": "png",
        "size": "1024x1024",
        "usage": {
            "input_tokens": 6,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 6},
            "output_tokens": 1024,
            "total_tokens": 1030,
        },
        "genq": _GENQ,
    },
    "OpenAIModelView": _MODEL,
    "OpenAIModelPage": {"object": "list", "data": [_MODEL]},
}
