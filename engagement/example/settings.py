"""The `mqm.toml` that comes with the example."""

from __future__ import annotations

SETTINGS = """\
# The funnel of this example. A stage is entered by an event of its type.
[stages]
mql = "mql"
meeting = "meeting_held"
win = "deal_won"

# Will this MQL hold a meeting within 30 days? Asked when it qualifies and again on later days, until it does.
[conversions.mql_to_meeting]
start = "mql"
goal = "meeting"
horizon_days = 30
landmark_days = [0, 1, 3, 7, 14]

# Will this meeting turn into a win within 180 days? Every meeting asks anew, right after it, the next day (when the
# survey is in) and a week later (when the next meeting is booked or not). A win by anyone of the account counts.
[conversions.meeting_to_win]
start = "meeting"
goal = "win"
horizon_days = 180
landmark_days = [0, 1, 7]
level = "account"

# Features are derived from the log; these are the windows they look back over.
[features]
windows_days = [1, 7, 30, 90]
"""
