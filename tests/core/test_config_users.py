"""People of the panel in ccx.yaml: roles, keys, and keys that would open too much."""

from typing import Any

import pytest

from ccx_addons.core.config import Snapshot, User
from ccx_addons.core.config_parse import parse
from ccx_addons.core.config_reader import sha256
from ccx_addons.core.errors import ConfigErrors

KEY = "sk-panel-key-of-alice-0001"


def read(*users: dict[str, Any], **more: Any) -> Snapshot:
    data = {"users": list(users), "channels": [], **more}
    return parse(
        data,
        revision="r",
        now=0,
        environ={"ALICE": KEY},
        admin_key="the-admin-key-000001",
        default_client_key="proxy-key-0000001",
    )


def test_a_user_has_a_role_and_the_hash_of_a_key() -> None:
    (alice, bob) = read({"name": "alice", "key": "env:ALICE", "role": "edits"}, {"name": "bob@example.com"}).users
    assert alice == User("alice", "edits", sha256(KEY), alice.key_mask) and KEY not in repr(alice)
    assert bob == User("bob@example.com", "sees")


@pytest.mark.parametrize(
    ("users", "words"),
    [
        pytest.param([{"name": "a", "key": "the-admin-key-000001"}], "ADMIN_ACCESS_KEY", id="the admin's key"),
        pytest.param(
            [{"name": "a", "key": "proxy-key-0000001"}], "the client 'default'", id="the default client's key"
        ),
        pytest.param([{"name": "a", "key": "client-key-000001"}], "the client 'ci'", id="a client's key"),
        pytest.param([{"name": "a", "key": "client-key-before"}], "the client 'ci'", id="a client's key of before"),
        pytest.param([{"name": "admin"}], "ADMIN_ACCESS_KEY", id="the admin's name"),
        pytest.param([{"name": "API"}], "ADMIN_ACCESS_KEY", id="the admin as the list of changes says it"),
        pytest.param([{"name": "a"}, {"name": "a"}], "name", id="one name twice"),
        pytest.param([{"name": "a", "key": KEY}, {"name": "b", "key": KEY}], "key", id="one key twice"),
        pytest.param([{"name": "a", "role": "owns"}], "sees", id="no role"),
        pytest.param([{"name": "a", "key": KEY, "key_sha256": "0" * 64}], "not both", id="two forms of key"),
        pytest.param([{"role": "edits"}], "name", id="no name"),
        pytest.param([{"name": "a", "rolle": "edits"}], "rolle", id="unknown key"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(users: list[dict[str, Any]], words: str) -> None:
    previous = {"key_sha256": sha256("client-key-before"), "until": "2030-01-31T12:00:00Z"}
    clients = [{"name": "ci", "key": "client-key-000001", "previous": [previous]}]
    with pytest.raises(ConfigErrors) as failed:
        read(*users, clients=clients)
    assert words in failed.value.words
    assert not [key for key in (KEY, "client-key-000001", "the-admin-key-000001") if key in failed.value.words]


def test_keys_of_users_are_secrets_of_the_configuration() -> None:
    assert KEY not in read({"name": "a", "key": "env:ALICE"}).secrets.clean(f"before {KEY} after")
