"""JSON documents that are written while they are read, so that none ever stands in memory whole."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice

from flask import Response

from service.core.shares import NothingLeft, Shares, ShareUsedUp
from service.web.csv_responses import TooManyExports

ITEMS_A_PIECE = 100
MAX_DOCUMENTS = 10
MAX_DOCUMENTS_OF_USER = 1


class Documents:
    """Sends long documents. Each reads on for as long as its client does, so few are sent at once:
    of all users together, and of each."""

    def __init__(self, total: int = MAX_DOCUMENTS, each: int = MAX_DOCUMENTS_OF_USER) -> None:
        self._places = Shares(total, each)

    def send(self, user_id: str, members: Iterable[tuple[str, object]], file_name: str) -> Response:
        """Returns 200 with the members as `data` in the envelope, as the file `file_name`. An
        iterator becomes an array. The first member is read before the response begins, so that a
        refusal is still an error in the envelope; an error that comes later cuts the connection,
        which the client notices: the last chunk is missing, and the document does not parse.

        Raises `TooManyExports` before anything is read."""
        try:
            self._places.take(user_id)
        except (NothingLeft, ShareUsedUp):
            raise TooManyExports from None
        try:
            response = _response(members, file_name)
        except BaseException:
            self._places.put_back(user_id)
            raise
        response.call_on_close(partial(self._places.put_back, user_id))
        return response


def _response(members: Iterable[tuple[str, object]], file_name: str) -> Response:
    rest = iter(members)
    first = tuple(islice(rest, 1))
    response = Response(_pieces(chain(first, rest)), mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}.json"'
    return response


def _pieces(members: Iterable[tuple[str, object]]) -> Iterator[str]:
    yield '{"success":true,"data":{'
    for place, (name, content) in enumerate(members):
        yield f"{',' if place else ''}{_text(name)}:"
        if isinstance(content, Iterator):
            yield from _array(content)
        else:
            yield _text(content)
    yield "}}\n"


def _array(items: Iterator[object]) -> Iterator[str]:
    yield "["
    separator = ""
    while piece := list(map(_text, islice(items, ITEMS_A_PIECE))):
        yield separator + ",".join(piece)
        separator = ","
    yield "]"


def _text(content: object) -> str:
    if isinstance(content, Mapping):
        content = dict(content)
    return json.dumps(content, separators=(",", ":"), allow_nan=False)
