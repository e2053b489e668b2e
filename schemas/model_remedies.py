"""What to do about errors of models, by their code: a part of ``schemas.error_remedies``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MODEL_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "identical_job_runs": "Wait: the job goes on by itself when the other one has ended.",
        "model_bad_answer": (
            "Submit again. The operator checks that the model server's URL leads to an "
            "OpenAI-compatible API."
        ),
        "model_busy": "genq tries again by itself. The operator may raise the server's limit.",
        "model_misconfigured": (
            "The operator corrects the model's workflow, or installs on the server what it "
            "names."
        ),
        "model_key_rejected": "The operator sets a valid key for this model server.",
        "model_not_found": (
            "Name a model that the message lists, or leave model out. The operator adds "
            "models in GENQ_MODEL_SERVERS."
        ),
        "model_rate_limited": (
            "genq tries again by itself. The operator may set a rate for this server."
        ),
        "model_refused_content": "Change the prompt, or name another model.",
        "model_rejected_request": (
            "Read the message, mend the job's input, and submit it again; another model may "
            "take it as it is."
        ),
        "model_timeout": (
            "Ask for less (fewer, smaller), or submit again later. The operator may raise the "
            "wall time of the kind."
        ),
        "model_unavailable": (
            "genq has tried all attempts. Submit again later. The operator looks at the model "
            "server: genq doctor."
        ),
    }
)
