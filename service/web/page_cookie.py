"""A secret that the browser keeps for pages of the allowed origins, out of reach of their scripts.

A browser adds cookies to requests of any page. So a request counts only if it comes from an allowed
origin, by the header that no script can set, and has a header that no form can send and for which a
script of another origin needs our permission (OWASP, Cross-Site Request Forgery Prevention)."""

from collections.abc import Collection
from dataclasses import dataclass

from flask import Response, request

from service.core.errors import Forbidden

CSRF_HEADER = "X-CSRF-Protection"
CSRF_VALUE = "1"
SECURE_PREFIX = "__Secure-"


class CsrfRejected(Forbidden):
    """Nothing was done, and no cookie was read."""

    code = "CSRF_REJECTED"
    denies_access = True
    summary = (
        "With cookies, a request must come from one of CORS_ALLOWED_ORIGINS, and have the header "
        f"{CSRF_HEADER}: {CSRF_VALUE}."
    )


@dataclass(frozen=True)
class CookieTerms:
    """Where a browser sends a cookie. `secure`: over https alone, under a name that no page over
    http can set. With `same_site` None pages of other sites send it too, each site a cookie of its
    own (`Partitioned`)."""

    name: str
    path: str
    same_site: str
    secure: bool


class PageCookie:
    """One such cookie, for pages of exactly these origins."""

    def __init__(self, terms: CookieTerms, origins: Collection[str]) -> None:
        self._terms = terms
        self._origins = frozenset(origins)
        # Not `__Host-`: that would have to be sent to every path.
        self.name = f"{SECURE_PREFIX if terms.secure else ''}{terms.name}"

    def require_page(self) -> None:
        """Raises `CsrfRejected` unless an allowed page sent this request on purpose."""
        origin = request.headers.get("Origin")
        if origin not in self._origins or request.headers.get(CSRF_HEADER) != CSRF_VALUE:
            raise CsrfRejected

    def is_sent(self) -> bool:
        """Whether the request has such a cookie."""
        return self.name in request.cookies

    def read(self) -> str | None:
        """What the browser keeps, None if nothing. Raises `CsrfRejected` for a request with the
        cookie that no allowed page sent."""
        if not self.is_sent():
            return None
        self.require_page()
        return request.cookies[self.name]

    def put(self, response: Response, value: str, max_age_seconds: int) -> None:
        """Has the browser keep the value for that long."""
        terms = self._terms
        response.set_cookie(
            self.name,
            value,
            max_age=max_age_seconds,
            path=terms.path,
            secure=terms.secure,
            httponly=True,
            samesite=terms.same_site,
            partitioned=terms.same_site == "None",
        )

    def clear(self, response: Response) -> None:
        """Has the browser forget the value."""
        self.put(response, "", 0)
