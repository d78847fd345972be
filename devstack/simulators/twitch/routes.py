"""Twitch over HTTP, under `/twitch`: its tokens at `/oauth2/token`, its API below `/helix`."""

from collections.abc import Callable
from typing import ClassVar

from flask import Blueprint
from werkzeug.wrappers import Response

from devstack.simulators.control import ControlError, control_body
from devstack.simulators.fault_injector import FaultInjector
from devstack.simulators.faults import RESPONSE_FAULTS, Fault, Operations
from devstack.simulators.twitch.access import Bucket, Tokens
from devstack.simulators.twitch.channels import (
    Channels,
    stream_view,
    user_view,
    video_view,
)
from devstack.simulators.twitch.errors import TwitchError, error_response, response_of
from devstack.simulators.twitch.requests import query_of, video_query
from devstack.simulators.wire import Call, Endpoint, current_call, json_response

MAX_TEXT = 1_000
MAX_SECONDS = 7 * 24 * 3600
Act = Callable[[Call, Fault | None], Response]


class Twitch:
    """One application at Twitch, and the channels that it can read."""

    name = "twitch"
    faults: ClassVar[Operations] = {
        "token": RESPONSE_FAULTS,
        "users": RESPONSE_FAULTS,
        "streams": RESPONSE_FAULTS,
        "videos": RESPONSE_FAULTS | {"vanish", "foreign"},
    }

    def __init__(
        self, injector: FaultInjector, tokens: Tokens, bucket: Bucket, channels: Channels
    ) -> None:
        self._injector = injector
        self._tokens = tokens
        self._bucket = bucket
        self._channels = channels

    def blueprint(self) -> Blueprint:
        """All routes, without the `/twitch` prefix."""
        routes = Blueprint("twitch", __name__)
        routes.post("/oauth2/token")(self.token)
        routes.get("/helix/users")(self.users)
        routes.get("/helix/streams")(self.streams)
        routes.get("/helix/videos")(self.videos)
        routes.get("/__books")(self.books)
        routes.delete("/__books")(self.forget)
        routes.put("/__channels/<login>")(self.put_channel)
        routes.post("/__channels/<login>/videos")(self.add_video)
        routes.delete("/__videos/<video_id>")(self.remove_video)
        routes.delete("/__tokens")(self.revoke)
        routes.post("/__limit")(self.limit)
        return routes

    def token(self) -> Response:
        call = current_call()

        def act(_: Fault | None) -> Response:
            try:
                return json_response(
                    self._tokens.issue(call.headers.get("Content-Type", ""), call.body)
                )
            except TwitchError as error:
                return response_of(error)

        return self._injector.call(Endpoint(self.name, "token", error_response), call, act)

    def users(self) -> Response:
        def act(call: Call, _: Fault | None) -> Response:
            query = query_of(call.path, {"id", "login"})
            names, ids = query.get("login", []), query.get("id", [])
            if not names and not ids:
                raise TwitchError(400, "Must provide an id, a login or a user token")
            found = [self._channels.of_login(each) for each in names]
            found += [self._channels.of_id(each) for each in ids]
            return json_response({"data": [user_view(each) for each in found if each]})

        return self._helix("users", act)

    def streams(self) -> Response:
        def act(call: Call, _: Fault | None) -> Response:
            query = query_of(call.path, {"user_id", "user_login", "type", "first"})
            found = [self._channels.of_id(each) for each in query.get("user_id", [])]
            found += [self._channels.of_login(each) for each in query.get("user_login", [])]
            live = [stream_view(each) for each in found if each and each.live_title is not None]
            return json_response({"data": live, "pagination": {}})

        return self._helix("streams", act)

    def videos(self) -> Response:
        def act(call: Call, fault: Fault | None) -> Response:
            query = video_query(call.path)
            if query.ids:
                found = self._channels.videos(query.ids)
                if not found or (fault and fault.kind == "vanish"):
                    raise TwitchError(404, "not found")
                shown = [video_view(*each) for each in found]
                if fault and fault.kind == "foreign":
                    shown = [each | {"id": "1"} for each in shown]
                return json_response({"data": shown, "pagination": {}})
            channel = self._channels.of_id(query.user_id)
            kept = [
                each
                for each in (channel.videos if channel else ())
                if query.kind in ("all", each.kind)
            ]
            page = kept[query.after : query.after + query.first]
            end = query.after + len(page)
            cursor = {"cursor": f"c{end}"} if end < len(kept) else {}
            listed = [video_view(channel, each) for each in page] if channel else []
            return json_response({"data": listed, "pagination": cursor})

        return self._helix("videos", act)

    def books(self) -> Response:
        return json_response({"tokens_issued": self._tokens.issued})

    def forget(self) -> Response:
        """Everything as at the start, tokens included."""
        self._tokens.revoke_all()
        self._tokens.issued = 0
        self._bucket.reset()
        self._channels.reset()
        return self.books()

    def put_channel(self, login: str) -> Response:
        body = control_body()
        live_title = body.get("live_title")
        if live_title is not None and not isinstance(live_title, str):
            raise ControlError("live_title must be a string or null")
        name = _text(body.get("name", login), "name")
        try:
            channel = self._channels.put(login.lower(), name, live_title)
        except OverflowError:
            raise ControlError("there are too many channels") from None
        return json_response({"user_id": channel.user_id, "login": channel.login})

    def add_video(self, login: str) -> Response:
        body = control_body()
        seconds = body.get("seconds", 600)
        if type(seconds) is not int or not 0 <= seconds <= MAX_SECONDS:
            raise ControlError(f"seconds must be a whole number from 0 to {MAX_SECONDS}")
        title, kind = _text(body.get("title", "A broadcast"), "title"), body.get("type", "archive")
        if kind not in ("archive", "upload", "highlight"):
            raise ControlError("type is unknown", ["archive", "upload", "highlight"])
        try:
            video = self._channels.add_video(login.lower(), title, seconds, str(kind))
        except KeyError:
            raise ControlError("there is no such channel") from None
        except OverflowError:
            raise ControlError("the channel has too many videos") from None
        return json_response({"video_id": video.video_id})

    def remove_video(self, video_id: str) -> Response:
        return json_response({"removed": self._channels.remove_video(video_id)})

    def revoke(self) -> Response:
        self._tokens.revoke_all()
        return self.books()

    def limit(self) -> Response:
        body = control_body()
        left, seconds = body.get("left", 0), body.get("seconds", 60)
        if type(left) is not int or type(seconds) is not int or not (left >= 0 < seconds <= 600):
            raise ControlError("left and seconds must be whole numbers, seconds up to 600")
        self._bucket.change(left, seconds)
        return self.books()

    def _helix(self, operation: str, act: Act) -> Response:
        call = current_call()

        def checked(fault: Fault | None) -> Response:
            taken, headers = self._bucket.take()
            try:
                self._tokens.check(call.headers)
                if not taken:
                    raise TwitchError(429, "Too Many Requests")
                response = act(call, fault)
            except TwitchError as error:
                return response_of(error, headers)
            response.headers.update(headers)
            return response

        return self._injector.call(Endpoint(self.name, operation, error_response), call, checked)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ControlError(f"{name} must be a string of at most {MAX_TEXT} characters")
    return value
