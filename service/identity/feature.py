"""Identity: who is calling, enforced before any view is reached."""

import requests

from service.feature import Core, Declaration, Feature, Parts
from service.identity.enforcement import enforce
from service.identity.google import GoogleTokens
from service.identity.operations import Identity
from service.identity.settings import IdentitySettings


def build(core: Core, parts: Parts) -> Feature:
    del parts
    settings = core.section(IdentitySettings)
    session = requests.Session()
    # A proxy or .netrc of the host has no say in who may sign in.
    session.trust_env = False
    tokens = GoogleTokens(
        session, settings.google_certs_url, settings.google_client_ids, core.clock
    )
    identity = Identity(tokens, trust_bare_google_id=settings.trust_bare_google_id)
    return Feature(operations={Identity: identity}, hooks=(lambda app: enforce(app, identity),))


IDENTITY = Declaration(name="identity", build=build, settings=IdentitySettings)
