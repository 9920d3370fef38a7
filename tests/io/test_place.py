from pathlib import Path

import pytest

from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io.place import is_postgres, place_of


def test_a_file_where_nothing_else_is_said() -> None:
    place = place_of(Settings(ccx_data_dir="here"))
    assert place == Path("here/ccx.db") and not is_postgres(place)


def test_the_address_of_a_server() -> None:
    url = "postgresql://ccx:secret@db.internal/ccx"
    settings = Settings.read({"CCX_DATABASE_URL": url})
    assert place_of(settings) == url and is_postgres(place_of(settings)) and url in settings.secrets()


def test_what_is_no_address() -> None:
    with pytest.raises(ConfigErrors, match="CCX_DATABASE_URL: must be a URL like postgresql://") as caught:
        Settings.read({"CCX_DATABASE_URL": "mysql://root:secret@db/ccx"})
    assert "secret" not in str(caught.value)
