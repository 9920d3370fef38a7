"""Where a text comes from: each protocol's citations of pages, read and written.

A source that is no page (a part of a document that the client sent, a file) has no form but its own protocol's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Json, Source

PAGES: Final = ("http://", "https://")
CITED: Final = "url_citation"


def of_url_citations(notes: Json) -> tuple[Source, ...]:
    """OpenAI's annotations: flat in Responses, nested in Chat (AnnotationURLCitation in both types of the SDK)."""
    found = []
    for note in read.mappings(notes):
        inner = read.mapping(note.get(CITED)) or note
        if note.get("type") == CITED and (url := read.text(inner.get("url"))):
            start, end = read.count(inner.get("start_index")), read.count(inner.get("end_index"))
            found.append(Source(url, read.text(inner.get("title")), start, max(start, end)))
    return tuple(found)


def of_citations(citations: Json, length: int) -> tuple[Source, ...]:
    """Claude's, each of the whole text of its block (platform.claude.com/docs/en/build-with-claude/citations)."""
    found = []
    for citation in read.mappings(citations):
        url = read.text(citation.get("url")) or read.text(citation.get("source"))
        if url.startswith(PAGES):
            found.append(Source(url, read.text(citation.get("title")), 0, length))
    return tuple(found)


def of_grounding(
    grounding: Mapping[str, Json], text: str, starts: Mapping[int, int] | None = None
) -> tuple[Source, ...]:
    """Gemini's: chunks, and which bytes of the text each supports (ai.google.dev/gemini-api/docs/google-search).

    ``starts``: parts of the answer -> the character of the text at which each begins; others begin with the text.
    """
    pages = [_page(chunk) for chunk in read.mappings(grounding.get("groundingChunks"))]
    found = list(_supported(grounding, pages, text, starts or {}))
    cited = {source.url for source in found}
    found += [Source(url, title, 0, len(text)) for url, title in pages if url and url not in cited]
    return tuple(found)


def of_recitation(recited: Mapping[str, Json], text: str) -> tuple[Source, ...]:
    """What Gemini says it recites: at Google's API ``citationSources``, at Vertex ``citations``
    (ai.google.dev/api/generate-content#citationmetadata)."""
    place = _Places(text)
    found = []
    for said in read.mappings(recited.get("citationSources") or recited.get("citations")):
        if (url := read.text(said.get("uri"))).startswith(PAGES):
            start, end = place.of(said.get("startIndex")), place.of(said.get("endIndex"))
            found.append(Source(url, read.text(said.get("title")), start, max(start, end)))
    return tuple(found)


class _Places:
    """Characters of a text by the bytes before them, where Google counts those."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._data: dict[int, bytes] = {}
        """Character at which a part begins -> the bytes from there on, of a text that has others than ASCII."""

    def of(self, offset: Json, begin: int = 0) -> int:
        at = read.count(offset)
        if self._text.isascii():
            return min(begin + at, len(self._text))
        if begin not in self._data:
            self._data[begin] = self._text[begin:].encode("utf-8", "surrogatepass")
        return begin + len(self._data[begin][:at].decode("utf-8", "ignore"))


def _supported(
    grounding: Mapping[str, Json], pages: Sequence[tuple[str, str]], text: str, starts: Mapping[int, int]
) -> Iterator[Source]:
    place = _Places(text)
    for support in read.mappings(grounding.get("groundingSupports")):
        segment = read.mapping(support.get("segment"))
        begin = starts.get(read.count(segment.get("partIndex")), 0)
        start, end = place.of(segment.get("startIndex"), begin), place.of(segment.get("endIndex"), begin)
        for n in read.items(support.get("groundingChunkIndices")):
            if isinstance(n, int) and 0 <= n < len(pages) and pages[n][0]:
                yield Source(*pages[n], start, max(start, end))


def _page(chunk: Mapping[str, Json]) -> tuple[str, str]:
    """Address and title of a chunk, which is of the web, a map or a store of documents."""
    for inner in chunk.values():
        table = read.mapping(inner)
        if url := read.text(table.get("uri")):
            return url, read.text(table.get("title"))
    return "", ""


def cited_pages(fields: Mapping[str, Json], names: Sequence[str]) -> list[dict[str, Json]]:
    """Pages that a server lists beside its answer, in the first of these fields, as Chat's annotations: addresses, or
    objects with one. Which characters are from them is not said."""
    for name in names:
        pages = [page if isinstance(page, dict) else {"url": page} for page in read.items(fields.get(name))]
        found = [(read.text(page.get("url")) or read.text(page.get("link")), page) for page in pages]
        sources = [Source(url, read.text(page.get("title"))) for url, page in found if url.startswith(PAGES)]
        if sources:
            return nested_citations(sources)
    return []


def url_citations(sources: Iterable[Source], before: int = 0) -> list[dict[str, Json]]:
    """As Responses has them. ``before``: characters of the field that stand before the text."""
    return [
        {
            "type": CITED, "url": source.url, "title": source.title, "start_index": source.start + before,
            "end_index": source.end + before,
        }
        for source in sources
    ]  # fmt: skip


def nested_citations(sources: Iterable[Source], before: int = 0) -> list[dict[str, Json]]:
    """As Chat has them."""
    return [
        {"type": note.pop("type"), CITED: note} for note in url_citations(sources, before)
    ]  # fmt: skip


def grounding(sources: Iterable[Source]) -> dict[str, Json]:
    """As Gemini has them: the pages, each once."""
    pages = {source.url: source.title for source in sources}
    return {"groundingChunks": [{"web": {"uri": url, "title": title or url}} for url, title in pages.items()]}
