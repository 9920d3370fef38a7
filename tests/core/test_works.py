from ccx_addons.core.neutral import Source
from ccx_addons.core.works import Work, is_made, joined, left, made_id


def test_both_halves() -> None:
    call, result = Work("code", "call", "c1", code="1+1", language="python"), Work("code", "result", "c1", output="2")
    assert joined(call, result) == Work("code", "whole", "c1", code="1+1", language="python", output="2")
    search = joined(Work("web_search", "call", "s", ("q",)), Work("web_search", "result", "s", pages=(Source("u"),)))
    assert search == Work("web_search", "whole", "s", ("q",), (Source("u"),))


def test_ids_show_who_made_them_and_stay_the_same_on_every_way() -> None:
    id_ = made_id("ws", Work("web_search", id="srvtoolu_01ab"))
    assert id_ == "ws_ccx-01ab" and made_id("srvtoolu", Work("web_search", id=id_)) == "srvtoolu_ccx-01ab"
    assert made_id("ws", Work("web_search")) != made_id("ws", Work("web_search"))
    assert is_made({"id": id_}) and is_made({"tool_use_id": "srvtoolu_ccx-01ab"})
    assert not is_made({"id": "ws_1", "tool_use_id": 7, "text": "ccx-"})


def test_what_holds_a_pages_words_is_left_by_its_members() -> None:
    said = frozenset({"content", "url", "type"})
    source = {"type": "text", "data": "x", "media_type": "", "more": {"a": 1}}
    page = {"url": "u", "content": {"type": "document", "source": source, "citations": {"enabled": True}}}
    assert list(left(page, said)) == ["source.data", "source.more", "citations"]
    assert list(left({"source": "words"}, said)) == ["source"]
