"""Chinese."""

from collections.abc import Mapping
from typing import Final

from ccx_admin.i18n.zh_access import ACCESS, DID
from ccx_admin.i18n.zh_changes import CHANGES
from ccx_admin.i18n.zh_help import HELP
from ccx_admin.i18n.zh_losses import LOSSES, SAID
from ccx_admin.i18n.zh_mirrors import MIRRORS
from ccx_admin.i18n.zh_pages import PAGES
from ccx_admin.i18n.zh_seen import SEEN
from ccx_admin.i18n.zh_shapes import SHAPES
from ccx_admin.i18n.zh_words import WORDS

ZH: Final[Mapping[str, str]] = {
    **PAGES,
    **WORDS,
    **CHANGES,
    **SHAPES,
    **ACCESS,
    **DID,
    **SEEN,
    **MIRRORS,
    **SAID,
    **LOSSES,
    **HELP,
}
