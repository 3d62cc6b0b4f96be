"""What training frees stays with the process."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from lanewise.trainables.packs.allocator import keep_freed_memory

if {keeps}:
    assert keep_freed_memory()
blocks = [np.ones(1 << 18) for _ in range(40)]  # 2 MB each: they would be mapped
del blocks
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    blocks = [np.ones(1 << 18) for _ in range(40)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="it is glibc's allocator that is told"
)
def test_memory_is_used_again_without_new_pages() -> None:
    faults = {
        keeps: int(
            subprocess.run(
                [sys.executable, "-c", CODE.format(keeps=keeps)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for keeps in (False, True)
    }
    assert faults[True] < faults[False] / 10
