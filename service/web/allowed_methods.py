"""What `OPTIONS` says of a path: the methods of its own route.

Flask lists those of every rule that matches the path, so that a route with a variable would lend
its methods to the routes next to it: `GET /transcriptions/{id}` to `/transcriptions/catch-up`."""

from flask import Flask, Response, request


class ServiceFlask(Flask):
    """Flask, with that difference."""

    def make_default_options_response(self) -> Response:
        response = super().make_default_options_response()
        matched = request.url_rule
        if matched is not None:
            same = [each for each in self.url_map.iter_rules() if each.rule == matched.rule]
            response.allow.clear()
            response.allow.update({method for each in same for method in each.methods or ()})
        return response
