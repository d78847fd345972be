"""All named mutations of the templates, the parameters, the configuration of gunicorn and the
image."""

from tests.infrastructure.template_mutations.account import OF_ACCOUNT
from tests.infrastructure.template_mutations.audit import AUDIT
from tests.infrastructure.template_mutations.balancer import BALANCER
from tests.infrastructure.template_mutations.containers import CONTAINERS
from tests.infrastructure.template_mutations.firewall import FIREWALL
from tests.infrastructure.template_mutations.identity import IDENTITY
from tests.infrastructure.template_mutations.image import IMAGE_BUILD
from tests.infrastructure.template_mutations.network import NETWORK
from tests.infrastructure.template_mutations.paging import PAGING
from tests.infrastructure.template_mutations.relay import RELAY
from tests.infrastructure.template_mutations.roles import ROLES
from tests.infrastructure.template_mutations.server import SERVER_CONFIGURATION
from tests.infrastructure.template_mutations.services import SERVICES
from tests.infrastructure.template_mutations.stacks import STACKS
from tests.infrastructure.template_mutations.storage import STORAGE
from tests.infrastructure.template_mutations.watching import WATCHING

MUTATIONS = (
    *CONTAINERS,
    *SERVICES,
    *AUDIT,
    *STACKS,
    *BALANCER,
    *NETWORK,
    *FIREWALL,
    *STORAGE,
    *ROLES,
    *RELAY,
    *WATCHING,
    *PAGING,
    *SERVER_CONFIGURATION,
    *IMAGE_BUILD,
    *IDENTITY,
    *OF_ACCOUNT,
)
