"""Vertex AI: Google's own models and those of others behind a Chat endpoint."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

VERTEX: Final = Vendor(
    title="Vertex AI",
    prices="google",
    hosts=names(r"(?:^|[.-])aiplatform\.googleapis\.com(?::|$)"),
    server=Facts(
        "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/start/openai",
        chat={"verbosity": False, "limit": "max_tokens", "thoughts": False},
        gemini={"excludes": True},
    ),
)
