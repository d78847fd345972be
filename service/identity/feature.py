"""Identity: who is calling, enforced before any view is reached."""

from urllib3 import PoolManager

from service.core.clock import SystemClock
from service.feature import Core, Declaration, Feature, Parts
from service.identity.enforcement import enforce
from service.identity.google import GoogleTokens
from service.identity.operations import Identity
from service.identity.settings import IdentitySettings
from service.outbound.network import Network


def build(core: Core, parts: Parts) -> Feature:
    del parts
    settings = core.section(IdentitySettings)
    # How long a transfer takes is measured in real time, whatever clock the service runs on.
    network = Network(SystemClock())

    def connect() -> PoolManager:
        """For each fetch: there is one an hour. A proxy of the host has no say in who may sign in,
        because urllib3 reads none from the environment."""
        return network.pool(core.tls, size=1)

    tokens = GoogleTokens(
        connect, settings.google_certs_url, settings.google_client_ids, core.clock
    )
    identity = Identity(tokens, trust_bare_google_id=settings.trust_bare_google_id)
    return Feature(operations={Identity: identity}, hooks=(lambda app: enforce(app, identity),))


IDENTITY = Declaration(name="identity", build=build, settings=IdentitySettings)
