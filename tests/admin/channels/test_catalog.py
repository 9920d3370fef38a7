"""Provider templates are consistent."""

from urllib.parse import urlsplit

import pytest

from ccx_addons import vendors
from ccx_addons.core.urls import url_problem
from ccx_admin.channels.catalog import BY_HOST, TEMPLATES, Template, as_json, by_key

UNKNOWN = frozenset({"huggingface", "new-api"})
"""Relays to many others: what a model takes is known by its name alone."""


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.id for template in TEMPLATES])
def test_addresses(template: Template) -> None:
    assert url_problem(template.base_url) == ""
    assert not template.key_page or template.key_page.startswith("https://")
    assert not template.serves or template.protocol in template.serves
    assert not template.hosts or urlsplit(template.base_url).hostname in template.hosts


@pytest.mark.parametrize(
    "template", [t for t in TEMPLATES if t.id not in UNKNOWN], ids=[t.id for t in TEMPLATES if t.id not in UNKNOWN]
)
def test_who_answers_there_is_known(template: Template) -> None:
    found = vendors.at_host(template.base_url)
    assert found and found.server.source.startswith("https://")


def test_ids_and_hosts_are_unique() -> None:
    assert len({template.id for template in TEMPLATES}) == len(TEMPLATES)
    assert len(BY_HOST) == sum(len(template.hosts) for template in TEMPLATES)
    assert len(as_json()) == len(TEMPLATES)


@pytest.mark.parametrize(
    ("secret", "id"),
    [("sk-ant-api03-x", "anthropic"), ("sk-proj-x", "openai"), ("AIzaX", "gemini"), ("sk-or-v1-x", "openrouter")],
)
def test_by_key(secret: str, id: str) -> None:
    found = by_key(secret)
    assert found and found.id == id


def test_a_plain_key_tells_nothing() -> None:
    assert by_key("sk-0123456789") is None
