"""The examples of OpenAI's own documentation, run with nothing changed but two variables."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.conformance.servers import Conforming

# Examples of its README that need what is not here: other clouds, other networks, files.
_ELSEWHERE: Final = (
    "workload_identity", "azure", "Azure", "bedrock", "Bedrock", "realtime", "transcri",
    "path/to", "https://", "webhooks", "fine_tuning", "api_key_provider", "httpx",
    "DefaultHttpx2Client", "vector_stores", "transport", "try:",
)  # fmt: skip
_CALLS: Final = ("client.responses.create(", "client.chat.completions.create(")
_BLOCK: Final = re.compile(r"```python\n(.*?)```", re.DOTALL)
_PATIENCE: Final = 90

_EACH: Final = """
import json, sys, traceback
told = {}
for name, source in json.loads(sys.stdin.read()).items():
    try:
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
        told[name] = ""
    except BaseException:
        told[name] = traceback.format_exc()
print()
print(json.dumps(told), end="")
"""

# Of its guides: embeddings, pictures, a stream of a chat, a batch.
GUIDES: Final[Mapping[str, str]] = {
    "embeddings": """
from openai import OpenAI
client = OpenAI()

response = client.embeddings.create(
    model="text-embedding-3-small",
    input="The food was delicious and the waiter...",
    encoding_format="float"
)

print(response.data[0].embedding)
""",
    "images": """
from openai import OpenAI
import base64
client = OpenAI()

prompt = \"\"\"
A children's book drawing of a veterinarian using a stethoscope to
listen to the heartbeat of a baby otter.
\"\"\"

result = client.images.generate(
    model="gpt-image-1",
    prompt=prompt
)

image_base64 = result.data[0].b64_json
image_bytes = base64.b64decode(image_base64)

# Save the image to a file
with open("otter.png", "wb") as f:
    f.write(image_bytes)
print(len(image_bytes))
""",
    "image tool": """
from openai import OpenAI
import base64

client = OpenAI()

response = client.responses.create(
    model="gpt-5.5",
    input="Generate an image of gray tabby cat hugging an otter with an orange scarf",
    tools=[{"type": "image_generation"}],
)

# Save the image to a file
image_data = [
    output.result
    for output in response.output
    if output.type == "image_generation_call"
]

if image_data:
    image_base64 = image_data[0]
    with open("cat_and_otter.png", "wb") as f:
        f.write(base64.b64decode(image_base64))
    print("saved")
""",
    "streaming chat": """
from openai import OpenAI
client = OpenAI()

stream = client.chat.completions.create(
    model="gpt-5.5",
    messages=[
        {
            "role": "user",
            "content": "Say 'double bubble bath' ten times fast.",
        },
    ],
    stream=True,
)

for chunk in stream:
    print(chunk)
    print(chunk.choices[0].delta)
    print("****************")
""",
    "background": """
from openai import OpenAI
from time import sleep

client = OpenAI()

resp = client.responses.create(
    model="gpt-5.5",
    input="Write a very long novel about otters in space.",
    background=True,
)

while resp.status in {"queued", "in_progress"}:
    print(f"Current status: {resp.status}")
    sleep(0.2)  # sleeps: the guide's own words, sooner
    resp = client.responses.retrieve(resp.id)

print(f"Final status: {resp.status}\\nOutput:\\n{resp.output_text}")
assert resp.status == "completed"
""",
    "batch": """
import json
import time
from openai import OpenAI
client = OpenAI()

with open("batchinput.jsonl", "w") as f:
    for n in (1, 2):
        f.write(json.dumps({"custom_id": f"request-{n}", "method": "POST",
            "url": "/v1/chat/completions", "body": {"model": "gpt-5.5", "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "Hello world!"}], "max_tokens": 1000}}) + "\\n")

batch_input_file = client.files.create(
    file=open("batchinput.jsonl", "rb"),
    purpose="batch"
)
batch_input_file_id = batch_input_file.id
batch = client.batches.create(
    input_file_id=batch_input_file_id,
    endpoint="/v1/chat/completions",
    completion_window="24h",
    metadata={
        "description": "nightly eval job"
    }
)
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.2)  # sleeps: as the guide looks again
    batch = client.batches.retrieve(batch.id)
file_response = client.files.content(batch.output_file_id)
print(file_response.text)
client.batches.list(limit=10)
""",
}


def run_quick_starts(genq: Conforming, folder: Path) -> dict[str, str]:
    """Run every example as it stands; return what went wrong with each, mostly nothing.

    All in one program, one after the other: it is the import of the client that takes long.
    """
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - of a user's shell
        "OPENAI_BASE_URL": genq.base_url,
        "OPENAI_API_KEY": genq.key,
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _EACH],
        cwd=folder,
        env=environment,
        input=json.dumps({**of_the_readme(), **GUIDES}),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=True,
    )
    return json.loads(done.stdout.rpartition("\n")[2])


def of_the_readme() -> dict[str, str]:
    """Return the examples of the installed client's own README that a genq can run."""
    readme = importlib.metadata.metadata("openai").json["description"]
    assert isinstance(readme, str)
    found = [
        block
        for block in _BLOCK.findall(readme)
        if any(call in block for call in _CALLS)
        and "client = " in block.partition(".create(")[0]
        and not any(word in block for word in _ELSEWHERE)
    ]
    assert len(found) >= 4, "the README of the client is not as it was"
    return {f"README {n}: {_name(block)}": block for n, block in enumerate(found)}


def _name(block: str) -> str:
    return next(call for call in _CALLS if call in block).strip("(")
