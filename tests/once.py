"""What tests would else make again and again: compiled templates and certificates of authorities, once in a process."""

import os
import ssl
from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any

import httpx
import httpx2
from flask import Flask
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from httpx._transports import default as transports
from httpx2._transports import default as transports2
from jinja2.bccache import Bucket, BytecodeCache

from tests.patience import PATIENCE


class Compiled(BytecodeCache):
    """Templates as code for all the panels that tests make: to compile them is half of what a page costs."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key, bucket.checksum] = bucket.code


def shared(make: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    """To load every authority's certificate takes as long as twenty requests."""

    @lru_cache
    def context(verify: Any, cert: Any, trust_env: bool, *files: str | None) -> ssl.SSLContext:
        return make(verify, cert, trust_env)

    def create_ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        return context(verify, cert, trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    return create_ssl_context


context = shared(httpx.create_ssl_context)


def use() -> None:
    Flask.jinja_options = {"bytecode_cache": Compiled()}
    transports.create_ssl_context = context  # type: ignore[attr-defined]
    transports2.create_ssl_context = shared(httpx2.create_ssl_context)  # type: ignore[attr-defined]
    for name in ("connect", "read", "write", "pool"):  # for who names none: programs on a busy machine answer late
        setattr(DEFAULT_TIMEOUT_CONFIG, name, PATIENCE)
