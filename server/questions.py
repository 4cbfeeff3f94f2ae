"""From the body of a request to a `Query`, and from one page of its answer to the next."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ..api.uploads import MOST_UPLOAD_BYTES, Uploads
from ..library.errors import QueryError
from ..library.types import Hit
from ..search.query.filters import parse_filter
from ..search.query.query import KnownImage, Picture, Query, Sort, Subject, Term, Words
from ..search.remote import DEFAULT_FETCH, fetch_image
from .bodies import SearchBody, TermBody
from .problems import Problem

_DATA: Final = "data:"
_SAME_SCORE: Final = 1e-5
"""Cosines nearer than this are one: their last digits depend on which texts the model embedded together."""

_DEEPEST: Final = 10_000


class Questions:
    """Reads what is asked for. Pictures that are brought are decoded in processes apart; no path is ever taken."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def query(self, body: SearchBody, k: int) -> Query:
        """Return what a body asks for; pictures on the web are fetched now.

        Raises:
            QueryError: it asks for nothing, or for what cannot be.
            AddressRefused, ImageUnreadable: a picture may not be fetched, or is none.
            Problem: an upload is not here any more.
        """
        words = [Term(Words(body.query))] if body.query is not None else []
        terms = (*words, *(Term(self._subject(term), term.weight) for term in body.terms))
        where = None if body.where is None else parse_filter(body.where)
        return Query(terms, where, k, body.threshold, Sort(body.sort), body.texts, body.calibrated)

    def picture(self, data: bytes, name: str = "picture") -> Picture:
        """Return an encoded picture as something to look for. Raises `ImageUnreadable`."""
        return Picture(self._uploads.add(data, name).file)

    def _subject(self, term: TermBody) -> Subject:
        if term.text is not None:
            return Words(term.text)
        if term.image_id is not None:
            return KnownImage(term.image_id)
        if term.upload is not None:
            upload = self._uploads.get(term.upload)
            if upload is None:
                detail = f"the upload {term.upload} is not here any more: send the picture again to /v1/uploads"
                raise Problem(HTTPStatus.NOT_FOUND, detail)
            return Picture(upload.file)
        if term.url is not None:
            return self.picture(fetch_image(term.url, DEFAULT_FETCH), term.url)
        return self.picture(data_bytes(term.data or ""))


def data_bytes(text: str) -> bytes:
    """Return the bytes of a data URI, or of plain base64.

    Raises:
        QueryError: it is neither, or longer than an upload may be.
    """
    head, comma, body = text.partition(",") if text.startswith(_DATA) else ("", ",", text)
    if not comma or (head and not head.endswith(";base64")):
        raise QueryError("a data URI is written as data:image/jpeg;base64,... with the picture's bytes in base64")
    if len(body) > MOST_UPLOAD_BYTES * 4 // 3 + 4:
        message = f"a picture may have {MOST_UPLOAD_BYTES >> 20} MB at most"
        raise QueryError(message)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise QueryError("the data URI is no valid base64") from error


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins: after `seen` hits, the last of which had this score, or one of these ids with it.

    It holds while the library changes: an image that was shown is not shown again, and none is passed over that ranks
    after it.
    """

    seen: int = 0
    score: float = 0.0
    ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, body: SearchBody) -> Page:
        """Return where the page that a body asks for begins.

        Raises:
            QueryError: its cursor is of another question, or none at all; or what is sorted by date is to be paged.
        """
        if body.cursor is None:
            return cls()
        if body.sort != "score":
            raise QueryError("only answers by score have pages: ask for more hits at once, or sort by score")
        try:
            fields = json.loads(base64.urlsafe_b64decode(body.cursor.encode()))
            page = cls(int(fields["n"]), float(fields["s"]), tuple(int(one) for one in fields["i"]))
            is_ours = fields["q"] == _fingerprint(body)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise QueryError("the cursor is none that a search here answered with") from error
        if not is_ours:
            raise QueryError("the cursor belongs to another question: ask as for the first page, with it added")
        if not 0 <= page.seen < _DEEPEST:
            message = f"pages go to the {_DEEPEST:,}th hit: narrow the question, as with a filter"
            raise QueryError(message)
        return page

    def cut(self, hits: list[Hit], k: int, body: SearchBody) -> tuple[list[Hit], str | None]:
        """Return the `k` hits of this page and the cursor of the next, from hits by score from the first on."""
        rest = [hit for hit in hits if self._comes_after(hit)]
        shown = rest[:k]
        if len(rest) <= k or body.sort != "score" or not shown:
            return shown, None
        last = shown[-1].score
        ids = [hit.image.id for hit in shown if hit.score - last <= _SAME_SCORE]
        if abs(self.score - last) <= _SAME_SCORE:
            ids = [*self.ids, *ids]
        fields = {"n": self.seen + len(shown), "s": last, "i": ids, "q": _fingerprint(body)}
        return shown, base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()

    def wanted(self, k: int) -> int:
        """Return how many hits from the first on hold this page and one more, though the library changed a little."""
        return self.seen + k + 1 + (k if self.seen else 0)

    def _comes_after(self, hit: Hit) -> bool:
        if not self.seen or hit.score < self.score - _SAME_SCORE:
            return True
        return abs(hit.score - self.score) <= _SAME_SCORE and hit.image.id not in self.ids


def _fingerprint(body: SearchBody) -> str:
    asked = body.model_dump_json(exclude={"k", "cursor", "facts", "captions", "fold"})
    return hashlib.sha256(asked.encode()).hexdigest()[:16]
