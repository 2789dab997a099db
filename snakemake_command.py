"""The `snakemake` command of this project's environment: Snakemake's own, but for targets that stand after a list.

Snakemake's `--resources` takes every word after it, so `snakemake --resources gpu=8 results/metrics.csv` takes the target for a
resource and stops. Here words after such an option that are no `name=value` are handed over as targets, behind a `--` at
the end of the line. Everything else goes to Snakemake unchanged.
"""

import sys
from collections.abc import Sequence

LISTS = {
    "--resources",
    "--res",
    "--default-resources",
    "--default-res",
    "--set-threads",
    "--set-resources",
    "--config",
    "-C",
}


def with_targets_apart(arguments: Sequence[str]) -> list[str]:
    """The arguments with the targets that follow a list of `name=value` moved behind `--`."""
    options, targets, in_list = [], [], False
    for position, word in enumerate(arguments):
        if word == "--":
            targets += arguments[position + 1 :]
            break
        if word.startswith("-"):
            in_list = word in LISTS
        if in_list and not word.startswith("-") and "=" not in word:
            targets.append(word)
        else:
            options.append(word)
    return [*options, "--", *targets] if targets else list(arguments)


def main() -> None:
    """Run Snakemake."""
    from snakemake import cli  # only when it runs: the tests import this file in an instant

    sys.argv[1:] = with_targets_apart(sys.argv[1:])
    cli.main()
