"""Amazon Bedrock: models of many makers, and Amazon's own."""

from typing import Final

from ccx_addons.vendors.facts import Facts, Family, Vendor, names

BEDROCK: Final = Vendor(
    title="Amazon Bedrock",
    prices="aws",
    hosts=names(r"bedrock[\w-]*\.[\w-]+\.amazonaws\.com(?::|$)|bedrock-mantle\.[\w.-]+(?::|$)"),
    server=Facts(
        "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html",
        chat={"thoughts": False, "verbosity": False},
    ),
    families=(
        Family(
            names(r"(?:^|[./])(?:amazon\.)?(?:nova-(?:micro|lite|pro|premier)|titan-)"),
            Facts("https://docs.aws.amazon.com/nova/latest/userguide/what-is-nova.html"),
        ),
    ),
)
