"""What the API reads or writes of a tenant's, it asks for by the tenant.

The bug class: a statement that finds a job by its id alone, behind a route that all may call.
Checked are the statements that can be reached from the routes, by way of what is imported by
name. One that compares no tenant stands in ``WAIVERS``, with what keeps tenants apart instead.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from schemas.tables.metadata import metadata
from tests.architecture.source import Source, dotted, python_files, refuse
from tests.architecture.test_one_writer import TABLE_MODULES

SQL_HOME: Final = "infra.postgres."
# Found by the id of a job or a schedule, and its owner's: no column of theirs says so.
OF_AN_OWNER: Final = {"payload", "result", "attempt", "delivery_attempt", "schedule_run"}
OWNED: Final = OF_AN_OWNER | {
    n for n, table in metadata.tables.items() if "tenant_id" in table.c
}
SQL: Final = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|ONLY)\s+(?:{'|'.join(sorted(OWNED))})\b", re.IGNORECASE
)
BUILDERS: Final = {"select", "insert", "update", "delete", "upsert"}
# tenant_id = :x, x.tenant_id = y.tenant_id, (lane, tenant_id) IN, INSERT INTO t (tenant_id, …)
BY_TENANT: Final = re.compile(
    r"tenant_id\s*=|=\s*(?:\w+\.)?tenant_id\b|tenant_id\s*\)\s*(?:=|IN\b)|=\s*:tenant"
    r"|tenant_id\s*=\s*ANY|INTO\s+\w+(?:\s+AS\s+\w+)?\s*\([^)]*\btenant_id\b|USING\s*\([^)]*tenant_id"
    r"|\.c\.tenant_id\s*==",
    re.IGNORECASE,
)

_LOOKED_UP: Final = "by the id of a job or a schedule that was found for the tenant before"
_OWN: Final = "by ids that this process has just made"
_NUMBERS: Final = "counts what all tenants have; nothing but numbers comes out"
_OPERATORS: Final = "for who runs the installation; the API does not call it"
_ADMIN: Final = "for who runs the installation, who alone may call the routes"
# Where a statement stands, and what keeps tenants apart there instead.
WAIVERS: Final[Mapping[str, str]] = {
    "api_keys._NOTE": "by ids of keys that were recognised by their secret",
    "api_keys_of_all._FIND": _OPERATORS,
    "budgets._UNBALANCED": _OPERATORS,
    **dict.fromkeys(("budgets._WRITTEN", "submit._WRITTEN_BEFORE"), _OWN),
    "capacity._CAPACITY": _NUMBERS,
    "chat_inbound._READ": "by a request that its platform has signed",
    "chat_people._OWN_PLACE": "by a button whose platform has signed who pressed it",
    "claim_keys._LIVE": "by ids of jobs that hold keys of the tenant",
    "forgotten_reservations._SETTLE": _OPERATORS,
    "hash_lists._ALL": "for the cache of a process, which gives each tenant its own",
    **{f"hash_lists._{n}": "by a list, locked for its owner" for n in ("IMPORT", "TAKE")},
    "pauses._IN_FLIGHT": _OPERATORS,
    "pauses._READY": _OPERATORS,
    "policies._ACTIVE": "for the cache of a process, which gives each tenant its own",
    "positions._EXPLAIN_LANE": _NUMBERS,
    "provenance._NEAR": "whether anybody made it here; of others' results nothing else is told",
    "subject_keys._ERASED": "pseudonyms alone, for this process to forget",
    "strikes._SINCE": "for the cache of a process, which sorts them by tenant and person",
    "hold._HOLD_NEW": "by ids of jobs that the same transaction has written for the tenant",
    "unique_jobs._IS_LIVE": "by the id of a job that holds a key of the tenant",
    **{f"state_counts._{n}": _NUMBERS for n in ("ACTIVE", "BATCHES", "DELIVERIES", "LANES")},
    **{f"chat_bindings._{n}": _ADMIN for n in ("DELETE", "PAUSE", "RESUME")},
} | dict.fromkeys((
    "cancel._MARK", "chat_erasure._MESSAGES", "chat_erasure._URLS", "dead_letters._HISTORY",
    "erase_content._JOBS", "erase_content._KEYS", "erase_content._PENDING",
    "erase_content._PROMPTS", "erase_content._RESULTS", "job_files._LEAVE_OF_JOBS",
    "schedules._RUNS", "schedules._SERVED",
), _LOOKED_UP)  # fmt: skip

VALKEY: Final = re.compile(r"(genq:[a-z]+)(?=[:{]|$)")
# Who can read another tenant's through a key or a channel, by its beginning.
KEYS: Final[Mapping[str, str]] = {
    "genq:calls": "the key of the limit, which begins with the tenant's id",
    "genq:rate": "counts calls of a model server, whose limits are the installation's",
    **dict.fromkeys(("genq:progress", "genq:preview"), "by the id of a job of the tenant"),
    **dict.fromkeys(("genq:routes", "genq:report", "genq:reports"), "servers; for operators"),
    "genq:live": "from workers to an API process, which watches jobs that it has looked up",
    "genq:watched": "from API processes to workers: ids of jobs alone",
    "genq:wake": "wakes dispatchers: names a lane at most",
    "genq:deliver": "wakes deliverers",
    **dict.fromkeys(("genq:done", "genq:cancel"), "between processes of genq: ids of jobs"),
    "genq:closed": "between processes of genq: model servers that are closed",
}


class Module:
    """A file of SQL: what it defines, and what each of that uses."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def defined(self) -> dict[str, ast.stmt]:
        """Everything that stands at the top level, by name."""
        found: dict[str, ast.stmt] = {}
        for node in self.source.tree.body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    found[node.name] = node
                case ast.Assign(targets=[ast.Name(id=name)]):
                    found[name] = node
                case ast.AnnAssign(target=ast.Name(id=name)):
                    found[name] = node
                case _:
                    pass
        return found

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """What is imported by name: from which module, and what it is called there."""
        return {
            alias.asname or alias.name: (str(node.module), alias.name)
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def uses(self, name: str) -> set[str]:
        """Names that a definition uses."""
        nodes = ast.walk(self.defined[name])
        return {node.id for node in nodes if isinstance(node, ast.Name)} - {name}

    def strings(self, name: str) -> Iterator[str]:
        """Every string in a definition; the parts of f-strings as one."""
        nodes = list(ast.walk(self.defined[name]))
        joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
        inside = {id(part) for node in joined for part in node.values}
        for node in joined:
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}"
                for part in node.values
            )
        for node in nodes:
            if isinstance(node, ast.Constant) and id(node) not in inside:
                yield str(node.value)

    def is_fragment(self, name: str) -> bool:
        """Whether it is words alone, out of which others make statements."""
        node = self.defined[name]
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            return False
        calls = {dotted(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
        return not calls & {*BUILDERS, "text", "HotStatement"}


def modules_of(sources: list[Source]) -> dict[str, Module]:
    return {one.path.removesuffix(".py").replace("/", "."): Module(one) for one in sources}


def reached(modules: Mapping[str, Module]) -> set[tuple[str, str]]:
    """Definitions of SQL that the API can come to."""
    files = [name for name in modules if name.startswith("producer.api.")]
    read: set[str] = set()
    wanted: list[tuple[str, str]] = []
    while files:
        name = files.pop()
        if name in read or name.startswith(SQL_HOME):
            continue
        read.add(name)
        for module, what in modules[name].imported.values():
            files += [one for one in (module, f"{module}.{what}") if one in modules]
            wanted += _definitions(modules, module, what)
    found: set[tuple[str, str]] = set()
    while wanted:
        module, what = wanted.pop()
        if (module, what) in found:
            continue
        found.add((module, what))
        here = modules[module]
        for used in here.uses(what):
            if used in here.defined:
                wanted.append((module, used))
            elif used in here.imported:
                wanted += _definitions(modules, *here.imported[used])
    return found


def _definitions(
    modules: Mapping[str, Module], module: str, what: str
) -> Iterator[tuple[str, str]]:
    whole = f"{module}.{what}"
    if whole.startswith(SQL_HOME) and whole in modules:
        # The module itself was imported: anything in it may be used.
        yield from ((whole, one) for one in modules[whole].defined)
    elif module.startswith(SQL_HOME) and module in modules and what in modules[module].defined:
        yield module, what


def words_of(modules: Mapping[str, Module], module: str, name: str) -> str:
    """A definition, with the fragments and the functions of its own file that it is made of."""
    pending, seen, parts = [(module, name)], {(module, name)}, list[str]()
    while pending:
        place, what = pending.pop()
        here = modules[place]
        # Strings as they are, too: as source their lines would not end.
        parts += [ast.unparse(here.defined[what]), *here.strings(what)]
        used = here.uses(what)
        inner = [(place, one) for one in used & set(here.defined)]
        for one in used & set(here.imported):
            inner += _definitions(modules, *here.imported[one])
        for at, one in inner:
            other = modules[at]
            made_of = other.is_fragment(one) or (
                at == module and isinstance(other.defined[one], ast.FunctionDef)
            )
            if made_of and (at, one) not in seen:
                seen.add((at, one))
                pending.append((at, one))
    return "\n".join(parts)


def is_statement(modules: Mapping[str, Module], module: str, name: str) -> bool:
    """Whether a definition asks for something that is a tenant's."""
    here = modules[module]
    node = here.defined[name]
    if here.is_fragment(name) or isinstance(node, ast.ClassDef | ast.FunctionDef):
        return False
    if SQL.search(words_of(modules, module, name)):
        return True
    calls = {dotted(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
    tables = {
        known
        for known, (origin, table) in here.imported.items()
        if origin.startswith("schemas.tables.") and table in OWNED
    }
    return bool(BUILDERS & calls and tables & here.uses(name))


def unfiltered(modules: Mapping[str, Module]) -> set[str]:
    """Statements behind the API that compare no tenant."""
    return {
        f"{module.removeprefix(SQL_HOME)}.{name}"
        for module, name in reached(modules)
        if is_statement(modules, module, name)
        and not BY_TENANT.search(words_of(modules, module, name))
    }


def test_every_statement_behind_the_api_names_the_tenant() -> None:
    # A table is known once its module was imported.
    assert len(OWNED) > len(TABLE_MODULES)
    found = unfiltered(modules_of(python_files("producer", "infra")))
    refuse(
        f"infra.postgres.{name}: compares no tenant; do, or say in {__name__} why it need not"
        for name in sorted(found - set(WAIVERS))
    )
    refuse(
        f"{name}: compares the tenant, or is not reached: take the waiver away"
        for name in sorted(set(WAIVERS) - found)
    )


def test_every_key_and_channel_in_valkey_keeps_tenants_apart() -> None:
    found = {
        match[1]
        for source in python_files("infra", "producer", "worker")
        for _, text in source.strings
        if (match := VALKEY.match(text))
    }
    refuse(f"{one}: say in {__name__} what keeps tenants apart" for one in found - set(KEYS))
    assert set(KEYS) - found == set(), "these are gone"


ROUTE = Source("producer/api/x.py", "from infra.postgres.x import f, g\n")


def found_in(text: str) -> set[str]:
    return unfiltered(modules_of([ROUTE, Source("infra/postgres/x.py", text)]))


def test_a_statement_without_the_tenant_is_found() -> None:
    asked = "async def f(c):\n    await c.execute({0})\n"
    by_id = "_GET = text('SELECT 1 FROM job j WHERE j.id = :id')\n"
    made_of = "_JOB = 'SELECT 1 FROM job j'\n_GET = text(f'{_JOB} WHERE j.id = :id')\n"
    core = "from schemas.tables.ledger import job\n"

    assert found_in(by_id + asked.format("_GET")) == {"x._GET"}
    assert found_in(made_of + asked.format("_GET")) == {"x._GET"}
    assert found_in(asked.format("'DELETE FROM schedule WHERE id = :id'")) == {"x.f"}
    assert found_in(core + asked.format("select(job).where(job.c.id == i)")) == {"x.f"}
    # To show whose it is is not to ask for it.
    shown = "_GET = text('SELECT tenant_id FROM job WHERE id = :id')\n"
    assert found_in(shown + asked.format("_GET")) == {"x._GET"}


def test_a_statement_with_the_tenant_passes_and_so_does_one_that_is_not_reached() -> None:
    asked = "async def f(c):\n    await c.execute({0})\n"
    core = "from schemas.tables.ledger import job\n"
    for statement in (
        "SELECT 1 FROM job j WHERE j.id = :id AND j.tenant_id = :tenant_id",
        "INSERT INTO schedule AS s (id, tenant_id) VALUES (:id, :tenant)",
        "SELECT 1 FROM live WHERE (lane, tenant_id) IN (SELECT 1, 2)",
        "SELECT 1 FROM tenant WHERE name = :name",
    ):
        assert found_in(f"_GET = text('{statement}')\n" + asked.format("_GET")) == set()
    assert found_in(core + asked.format("select(job).where(job.c.tenant_id == t)")) == set()
    elsewhere = "_GET = text('SELECT 1 FROM job')\nasync def h(c):\n    await c.execute(_GET)\n"
    assert found_in(elsewhere) == set()
