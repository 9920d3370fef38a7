import os
import uuid

from ccx_addons.core.ids import made_up_id, shortened, uuid7


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [uuid7(now) for now in (1.0, 1.5, 1_800_000_000.0)]
    assert ids == sorted(ids) and len({*ids, uuid7(1.0)}) == 4
    assert all(uuid.UUID(i).version == 7 and uuid.UUID(i).variant == uuid.RFC_4122 for i in ids)


def test_ids_are_stable_and_short() -> None:
    assert made_up_id("msg", "resp_1", 0) == made_up_id("msg", "resp_1", 0)
    assert len({made_up_id("msg", "resp_1", n) for n in range(9)}) == 9
    assert shortened("a" * 64, "key") == "a" * 64
    assert shortened("a" * 65, "key").startswith("key_")
    assert shortened("a" * 65, "key") != shortened("a" * 66, "key")


def test_ids_of_one_moment_are_never_the_same() -> None:
    assert len({uuid7(1.0) for _ in range(5000)}) == 5000


def test_a_forked_process_makes_other_ids() -> None:
    uuid7(1.0)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, uuid7(1.0).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert theirs not in {uuid7(1.0) for _ in range(5000)}
