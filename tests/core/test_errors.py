from ccx_addons.core.errors import BadRequest, CcxError, ConfigErrors, Problem, StoreError, UnknownResponse


def test_a_problem_names_its_place() -> None:
    assert str(Problem("channels[0].name", "is not a name", 7)) == "line 7, channels[0].name: is not a name"
    assert str(Problem("PORT", "must be a number")) == "PORT: must be a number"
    assert str(Problem("", "expected a mapping", 1)) == "line 1: expected a mapping"
    assert str(Problem("", "expected a mapping")) == "expected a mapping"


def test_config_errors_hold_every_problem() -> None:
    problems = [Problem("a", "x", 1), Problem("b", "y")]
    error = ConfigErrors(problems)
    assert error.problems == problems and str(error) == "line 1, a: x; b: y"
    assert error.words == str(error) and len(ConfigErrors(problems * 50).words.split("; ")) == 20


def test_one_tree() -> None:
    assert all(issubclass(cls, CcxError) for cls in (BadRequest, ConfigErrors, StoreError))
    assert BadRequest("no", "messages[3]").param == "messages[3]" and BadRequest("no").param == ""


def test_unknown_response_is_bounded() -> None:
    error = UnknownResponse("r" * 1000)
    assert isinstance(error, BadRequest) and len(str(error)) < 160 and error.param == "previous_response_id"
