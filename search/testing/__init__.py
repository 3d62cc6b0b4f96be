"""Conformance suites: what must hold of every sampler and scheduler, for users' own, too.

Called by tests only; each raises AssertionError that says what does not hold.
"""

from lanewise.search.testing.samplers import check_sampler as check_sampler
from lanewise.search.testing.schedulers import check_scheduler as check_scheduler
