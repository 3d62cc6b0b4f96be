"""Conformance suites: what must hold of every scheduler, for those of users' own, too.

Called by tests only; each raises AssertionError that says what does not hold.
"""

from lanewise.search.testing.schedulers import check_scheduler as check_scheduler
