"""
Addresses of databases, as LiteLLM's Prisma writes them and as SQLAlchemy wants them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

_POSTGRES: Final = frozenset(("postgres", "postgresql", "postgresql+psycopg"))
_DRIVER: Final = "postgresql+psycopg"
_OF_PRISMA: Final = frozenset(
    (
        *("connection_limit", "pool_timeout", "pgbouncer", "socket_timeout", "statement_cache_size"),
        *("sslaccept", "sslidentity", "sslpassword"),
    )
)
"""Parameters of Prisma's, which PostgreSQL's own library refuses."""


def sqlalchemy_url(url: str) -> str:
    """
    Return *url* in SQLAlchemy's form.

    Raises:
        ValueError: It is of no database that can be used; the message does not quote it, since it has a password.
    """
    scheme, colon, rest = url.partition("://")
    if scheme == "sqlite" and rest:
        return url
    if scheme not in _POSTGRES or not colon or not urlsplit(f"postgresql://{rest}").path.strip("/"):
        raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/NAME, or sqlite:///PATH")
    if find_spec("psycopg") is None:
        raise ValueError("is of PostgreSQL, which needs pip install 'aikit-client[postgres]'")
    address, _, query = rest.partition("?")
    given = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in _OF_PRISMA]
    schemas = [value for name, value in given if name == "schema"]
    kept = [(name, value) for name, value in given if name != "schema"]
    kept += [("options", f"-csearch_path={schema}") for schema in schemas[-1:]]
    return f"{_DRIVER}://{address}" + (f"?{urlencode(kept)}" if kept else "")
