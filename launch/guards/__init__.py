"""Guards over time: what to ask for a guard, and what its state is by the answers. How: docs/guards.md.

`inquiry` says which series a guard needs, `judge` turns the answers into a state and `unanswered` tells whether a value
lies where no guard of the plan has a response. No function here reads a clock: `now` is an argument.
"""

from launch.guards.asking import Inquiry, Question, figure_question, inquiry, look_back
from launch.guards.judging import Answers, Ruling, breached, judge, newest_value
from launch.guards.ranges import Range, unanswered, unanswered_ranges
from launch.guards.reading import GuardReading

__all__ = [
    "Answers",
    "GuardReading",
    "Inquiry",
    "Question",
    "Range",
    "Ruling",
    "breached",
    "figure_question",
    "inquiry",
    "judge",
    "look_back",
    "newest_value",
    "unanswered",
    "unanswered_ranges",
]
