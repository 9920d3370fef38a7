"""What is known of a vendor and a model, as text for people."""

from typing import Any

from ccx_addons.vendors import Known, at_host, explain, maker_of


def words(value: Any) -> str:
    """A fact's value: ``yes``, ``low high max``, ``128000``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def who(base_url: str, model: str) -> str:
    server, maker = at_host(base_url), maker_of(model)
    answers = f"{server.title} answers there" if server else "nobody known answers there"
    made = f"{model} is made by {maker.title}" if maker else f"nobody known makes {model}"
    return f"{answers}; {made}"


def render(base_url: str, model: str) -> str:
    """One line a fact: protocol, name, value, whose it is, and the page that says so."""
    lines = [who(base_url, model)]
    known = explain(base_url, model)
    width = max((len(words(fact.value)) for fact in known), default=0)
    lines += (line(fact, width) for fact in known)
    if not known:
        lines.append("the defaults of each protocol hold")
    return "\n".join(lines) + "\n"


def line(fact: Known, width: int) -> str:
    return f"{fact.topic:16}  {fact.name:24}  {words(fact.value):{width}}  {fact.vendor}, {fact.source}"
