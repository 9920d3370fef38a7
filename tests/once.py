"""What tests would else make again and again: compiled templates and certificates of authorities, once in a process."""

import os
import ssl
from functools import lru_cache
from types import CodeType
from typing import Any

import httpx
from flask import Flask
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from httpx._transports import default as transports
from jinja2.bccache import Bucket, BytecodeCache


class Compiled(BytecodeCache):
    """Templates as code for all the panels that tests make: to compile them is half of what a page costs."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key, bucket.checksum] = bucket.code


@lru_cache
def context(*asked: Any) -> ssl.SSLContext:
    return httpx.create_ssl_context(*asked[:3])


def create_ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    """As httpx's: to load every authority's certificate takes as long as twenty requests."""
    return context(verify, cert, trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


def use() -> None:
    Flask.jinja_options = {"bytecode_cache": Compiled()}
    transports.create_ssl_context = create_ssl_context  # type: ignore[attr-defined]
    DEFAULT_TIMEOUT_CONFIG.read = 30.0  # for who names none: a program that starts on a busy machine answers late
