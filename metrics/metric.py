"""What a metric is to the table and the report. Every metric's own file describes its columns with these."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "neutral"]


class NotComputed(Exception):
    """A value that does not exist for this pair; the text is the reason, as the report prints it."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One column of the table: `definition` and `source` are sentences for the reader of the report.

    needs     what must be there for a value: keys of `scoring.REASONS`, or names of networks whose weights it takes
    settings  what the score's record says of how it was computed, where that could have been otherwise
    of        "pair": each pair has a value; "set": a distance of two sets, in the summary alone
    summary   of a metric of pairs: the "mean" of their values; the "rate", events of all pairs over the seconds of all; or
              the "median" of the events of all
    size_dependent
              values at different picture sizes do not compare: of the generated frames or, where the metric needs the
              reference, of the reference's, to which the generated ones are brought
    """

    name: str
    title: str
    unit: str
    direction: Direction
    needs: tuple[str, ...]
    definition: str
    source: str
    settings: str = ""
    of: Literal["pair", "set"] = "pair"
    summary: Literal["mean", "rate", "median"] = "mean"
    size_dependent: bool = False

    @property
    def arrow(self) -> str:
        return {"higher": "↑", "lower": "↓", "neutral": "≈"}[self.direction]
