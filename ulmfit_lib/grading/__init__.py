"""Releasing problem sets to students and marking what comes back, on nbgrader's layout and gradebook."""
