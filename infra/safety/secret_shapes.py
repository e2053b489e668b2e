"""What keys and passwords look like: a sign that is cheap to look for, and a shape."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_START: Final = r"(?<![A-Za-z0-9_-])"
# What stands where a secret is to be filled in.
PLACEHOLDER: Final = re.compile(
    r"(?i)^(?:<.*>|\$?\{.*\}|\$\w+|%\w+%|x{4,}|\*{3,}|\.{3,}|your[_-]?.*|my[_-]?(?:api|secret|pass).*"
    r"|example\w*|changeme|placeholder|redacted|none|null|true|false|undefined|os\.environ.*"
    r"|process\.env.*|getenv.*|config\[.*|settings\..*|secrets\..*|required|optional|string"
    r"|str|bytes|password|passwd|secret|token|username)[,;)\"']*$"
)


@dataclass(frozen=True, slots=True)
class SecretShape:
    """One kind of secret.

    Attributes:
        name: What evidence calls it.
        signs: Strings one of which is in every text that has it, in lower case.
        shape: What it looks like; a group named ``secret`` is the secret itself.
        score: How sure that is.
        guessed: Whether a placeholder may stand there instead.
    """

    name: str
    signs: Sequence[str]
    shape: re.Pattern[str]
    score: float = 0.95
    guessed: bool = False


SECRET_SHAPES: Final[Sequence[SecretShape]] = (
    SecretShape(
        "private_key",
        ("private key",),
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[A-Za-z0-9+/=\s:,.\\]|-(?!-)){0,16384}+"
            r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    SecretShape(
        "jwt",
        ("eyj",),
        re.compile(_START + r"eyJ[\w-]{8,4096}\.eyJ[\w-]{4,8192}\.[\w-]{8,2048}"),
    ),
    SecretShape(
        "aws_key_id",
        ("akia", "asia"),
        re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ),
    SecretShape(
        "aws_secret",
        ("aws",),
        re.compile(
            r"(?i)aws.{0,20}(?:secret|key).{0,10}[=: ]\s{0,4}[\"']?"
            r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])"
        ),
    ),
    SecretShape(
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        re.compile(_START + r"gh[pousr]_[A-Za-z0-9]{30,255}"),
    ),
    SecretShape(
        "github_token", ("github_pat_",), re.compile(_START + r"github_pat_\w{22,255}")
    ),
    SecretShape("gitlab_token", ("glpat-",), re.compile(_START + r"glpat-[\w-]{20,64}")),
    SecretShape(
        "slack_token",
        ("xox",),
        re.compile(_START + r"xox[abeoprs]-(?:[A-Za-z0-9]{1,200}-?){2,8}"),
    ),
    SecretShape(
        "slack_webhook",
        ("hooks.slack.com",),
        re.compile(r"hooks\.slack\.com/services/T\w{6,14}/B\w{6,14}/\w{16,32}"),
    ),
    SecretShape(
        "stripe_key",
        ("_live_", "_test_"),
        re.compile(_START + r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,255}"),
    ),
    SecretShape(
        "webhook_secret",
        ("whsec_", "whsk_"),
        re.compile(_START + r"whs(?:ec|k)_[\w+/=-]{12,256}"),
    ),
    SecretShape("anthropic_key", ("sk-ant-",), re.compile(_START + r"sk-ant-[\w-]{16,256}")),
    SecretShape(
        "openai_key",
        ("sk-",),
        re.compile(
            _START + r"sk-(?:proj-|svcacct-|admin-|None-|or-v1-)?(?=[\w-]{0,60}\d)[\w-]{16,256}"
        ),
    ),
    SecretShape("google_key", ("aiza",), re.compile(_START + r"AIza[\w-]{35}(?![\w-])")),
    SecretShape("hugging_face_token", ("hf_",), re.compile(_START + r"hf_[A-Za-z0-9]{30,64}")),
    SecretShape("npm_token", ("npm_",), re.compile(_START + r"npm_[A-Za-z0-9]{36}")),
    SecretShape(
        "sendgrid_key", ("sg.",), re.compile(_START + r"SG\.[\w-]{16,32}\.[\w-]{16,64}")
    ),
    SecretShape(
        "telegram_token", (":aa",), re.compile(r"(?<![\w:/])\d{8,10}:AA[\w-]{32,34}(?![\w-])")
    ),
    SecretShape(
        "genq_key",
        ("gq_", "gqp_"),
        re.compile(_START + r"gqp?_(?=[\w-]{0,80}[A-Z0-9])[\w-]{20,128}"),
    ),
    SecretShape(
        "url_password",
        ("://",),
        re.compile(
            r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'<>]{0,100}:(?P<secret>[^\s/@\"'<>]{2,200})@[\w.\[-]"
        ),
        0.9,
        guessed=True,
    ),
    SecretShape(
        "bearer_token",
        ("bearer ", "basic "),
        re.compile(
            r"(?i)authorization\W{1,4}(?:bearer|basic) {1,2}(?P<secret>[\w+/.=~-]{12,4096})"
        ),
        0.9,
        guessed=True,
    ),
    SecretShape(
        "password",
        ("passw", "pwd", "passphrase", "kennwort", "mot de passe", "contrase"),
        re.compile(
            r"(?i)\b\w{0,30}(?:password|passwd|passwort|passphrase|pwd|kennwort|mot de passe"
            r"|contrase\w{1,2}a)[\"']?"
            r"(?: ?(?:=|:|=>) ?| is:? | ist:? | est:? | es:? )[\"']?"
            r"(?P<secret>(?=[^\s\"']{0,60}[\d!@#$%^&*?_+=-])(?=[^\s\"']{0,60}[A-Za-z])[^\s\"'<>]{6,128})"
        ),
        0.8,
        guessed=True,
    ),
    SecretShape(
        "assigned_key",
        ("key", "secret", "token"),
        re.compile(
            r"(?i)\b\w{0,30}(?:api[_-]?key|apikey|access[_-]?key|secret[_-]?key|client[_-]?secret|auth[_-]?token"
            r"|access[_-]?token|secret|token)[\"']?"
            r" ?(?:=|:|=>| is) ?[\"']?"
            r"(?P<secret>(?=[\w+/.=-]{0,80}\d)(?=[\w+/.=-]{0,80}[A-Za-z])[\w+/.=-]{16,256})(?![\w(\[])"
        ),
        0.8,
        guessed=True,
    ),
)
