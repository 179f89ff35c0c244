"""The paper's configurations at every security level, with plain and with encrypted weights; compiled once."""

from functools import cache

from benchmarks.paper.configurations import CONFIGURATIONS, Configuration
from common.plan.plan import Plan
from tests.plans import shared

LEVELS = [(configuration, bits) for configuration in CONFIGURATIONS for bits in (128, 192, 256)]


@cache
def plan_of(configuration: Configuration, security_bits: int, sealed: bool) -> Plan:
    """A configuration's plan, or the one that is to be sealed."""
    name = f"paper-{CONFIGURATIONS.index(configuration)}-{security_bits}-{sealed}"
    return shared(name, lambda: configuration.case(security_bits).compile(sealed))
