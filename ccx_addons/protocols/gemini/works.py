"""Code that ran, as this protocol says it: two parts. Searches and pages that were read are in the metadata of the
answer's end.

Sources: ai.google.dev/gemini-api/docs/code-execution, /google-search, /url-context.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Extra, Json, Source
from ccx_addons.core.sources import of_grounding
from ccx_addons.core.works import Work
from ccx_addons.protocols.gemini.finish import CANDIDATE
from ccx_addons.protocols.gemini.wire import NAME, Fields, camel, own

OK: Final = "OUTCOME_OK"
SEARCHED: Final = "webSearchQueries"
FETCHED: Final = "urlContextMetadata"
PAGES: Final = "urlMetadata"
ADDRESS: Final = "retrievedUrl"
STATUS: Final = "urlRetrievalStatus"
READ: Final = "URL_RETRIEVAL_STATUS_SUCCESS"
UNREAD: Final = "URL_RETRIEVAL_STATUS_ERROR"


SAID: Final = frozenset({"executableCode", "codeExecutionResult", "code", "output", "outcome", "id"})
"""Members that a work says."""


def read_work(part: Mapping[str, Json]) -> Work | None:
    """None: the part is about something else."""
    if code := camel(read.mapping(part.get("executableCode"))):
        language = read.text(code.get("language")).lower()
        return Work("code", "call", read.text(code.get("id")), code=read.text(code.get("code")), language=language)
    if ran := camel(read.mapping(part.get("codeExecutionResult"))):
        failed = read.text(ran.get("outcome"), OK) != OK
        return Work("code", "result", read.text(ran.get("id")), output=read.text(ran.get("output")), failed=failed)
    return None


def write_work(work: Work) -> list[Fields]:
    """Its parts; none for what is told at the end."""
    if work.kind != "code":
        return []
    parts: list[Fields] = []
    if work.half != "result":
        parts.append({"executableCode": {"language": "PYTHON", "code": work.code}})
    if work.half != "call":
        outcome = "OUTCOME_FAILED" if work.failed else OK
        parts.append({"codeExecutionResult": {"outcome": outcome, "output": work.output or ""}})
    return parts


def searched(extra: Extra) -> Work | None:
    """What an answer's end says of a search."""
    found = read.mapping(read.mapping(own(extra).get(CANDIDATE)).get("groundingMetadata"))
    queries = tuple(filter(None, read.texts(found.get(SEARCHED))))
    pages = tuple(dict.fromkeys(of_grounding({"groundingChunks": found.get("groundingChunks")}, "")))
    return Work("web_search", queries=queries, pages=pages) if queries else None


def fetched(extra: Extra) -> list[Work]:
    """What an answer's end says of pages that were read."""
    return [
        Work("web_fetch", pages=(Source(url),), failed=read.text(page.get(STATUS), READ) != READ)
        for page in _pages(_fetched(extra))
        if (url := read.text(page.get(ADDRESS)))
    ]


def unsaid(extra: Extra) -> list[str]:
    """Paths of what it says of them beside: why a page could not be read, and what is of no page."""
    found = _fetched(extra)
    names = [name for name, value in found.items() if value and name != PAGES]
    for page in _pages(found):
        told = {ADDRESS, STATUS} if page.get(ADDRESS) and page.get(STATUS) in (READ, UNREAD) else {ADDRESS}
        names += [f"{PAGES}.{name}" for name, value in page.items() if value and name not in told]
    return [f"{FETCHED}.{name}" for name in dict.fromkeys(names)]


def _fetched(extra: Extra) -> Mapping[str, Json]:
    return camel(read.mapping(read.mapping(own(extra).get(CANDIDATE)).get(FETCHED)))


def _pages(found: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [camel(page) for page in read.mappings(found.get(PAGES))]


def at_end(queries: list[str], works: Iterable[Work]) -> Extra:
    """What an answer's end keeps of searches and pages that another protocol tells of."""
    kept: Fields = {"groundingMetadata": {SEARCHED: queries}} if queries else {}
    pages = [(page.url, UNREAD if work.failed else READ) for work in works for page in work.pages]
    if pages:
        kept[FETCHED] = {PAGES: [{ADDRESS: url, STATUS: how} for url, how in pages]}
    return {NAME: {CANDIDATE: kept}} if kept else {}
