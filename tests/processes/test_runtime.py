from pathlib import Path

from ccx_addons.processes.runtime import Runtime


def test_the_path_of_the_configuration_is_the_settings(runtime: Runtime) -> None:
    assert runtime.config_path == Path(runtime.settings.ccx_config)


def test_a_new_worker_is_not_ready_and_watches_nothing(runtime: Runtime) -> None:
    assert not runtime.ready and runtime.watched == {} and runtime.admin_port == 0
