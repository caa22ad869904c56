"""Late days: how many, and what they cost, as one plug-in for nbgrader's commands and for ours."""

import math

from nbgrader.plugins import BasePlugin
from traitlets import Float, Integer


def days_late(seconds: float) -> int:
    """Return the days that a submission is late, a begun day counting whole.

    >>> days_late(-5), days_late(1), days_late(86400), days_late(86401)
    (0, 1, 1, 2)
    """
    return max(0, math.ceil(seconds / 86400))


class LateDays(BasePlugin):
    """Takes a share of the points for each day late, after some free days. By default it takes nothing."""

    free_days = Integer(0, help="Days late that cost nothing.").tag(config=True)
    share_a_day = Float(0.0, help="Share of the points that each further day costs, such as 0.1.").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Return the points to take away, or None."""
        days = max(0, days_late(total_seconds_late) - self.free_days)
        share = min(1.0, days * self.share_a_day)
        return round(score * share, 2) if share else None
