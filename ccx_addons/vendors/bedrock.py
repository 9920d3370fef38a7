"""Amazon Bedrock: models of many makers."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Vendor, names

BEDROCK: Final = Vendor(
    title="Amazon Bedrock",
    prices="aws",
    hosts=names(r"bedrock[\w-]*\.[\w-]+\.amazonaws\.com(?::|$)|bedrock-mantle\.[\w.-]+(?::|$)"),
    server=Facts(
        "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html",
        chat={"thoughts": False, "verbosity": False},
    ),
    errors=("x: Extra inputs are not permitted",),
)
