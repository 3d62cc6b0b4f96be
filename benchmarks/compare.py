"""Lanewise beside Ray Tune and Optuna on the same work; prints Markdown tables.

    python benchmarks/compare.py [--trials [NAME=]N]… [--rounds [NAME=]N]… [--seed 0]
        [--contenders NAME,NAME…] [--out build/compare.jsonl] [--continue]

The work is *digits-mlp* (`digits_mlp/`): a network for scikit-learn's digits, TPE, ASHA from 1 to
27 epochs, on two cores, every trial in MLflow on SQLite; the peers and `lanewise-tune` train two
trials at a time. Each contender runs once a round (5), in a fresh process with a fresh home and
database; the order rotates from round to round. A run is timed from the launch of its process to
its end, and its trials are then counted in MLflow: one that is not complete there is not compared.

Contenders that need seconds a trial get fewer trials; `--trials ray-reuse=64` sets one's, `--trials
100` everyone's, and `--rounds ray-documented=1` runs one in the first round only. What is compared:

    a trial          whole time over the number of trials, each contender's own
    start-up spread  the same, with a contender's start-up as a part of as many trials as Lanewise
                     has: fewer trials do not carry more of it
    an epoch         whole time over the epochs trained: halving cuts few trials less than many
    to drained       the process has ended, and everything stands in MLflow
    to best known    Lanewise's last decision is made (MLflow may be draining); the others' end

Each finished run is added to --out at once, so that an interrupted comparison can go on with
--continue. `make bench` begins anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from comparison.rounds import carry_out, parse
from comparison.table import table


def main(arguments: Sequence[str] | None = None) -> int:
    return carry_out(parse(arguments, "compare", __doc__), table)


if __name__ == "__main__":
    sys.exit(main())
