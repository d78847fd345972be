"""How each resource type of the templates is created in moto: by which calls, and what they
return."""

from tests.infrastructure.makers import access, identity, network, services, storage, watching
from tests.infrastructure.moto_extension import Maker

MAKERS: dict[str, Maker] = {
    **access.MAKERS,
    **network.MAKERS,
    **services.MAKERS,
    **storage.MAKERS,
    **watching.MAKERS,
    **identity.MAKERS,
}
CHANGERS = services.CHANGERS
