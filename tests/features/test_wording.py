"""Sentences that a sales rep can say aloud: declarations and values on the left, what is said on the right."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from histories import SETS

from engagement.example import write_example
from engagement.settings import FeatureSettings
from engagement.times import DAY, HOUR, MINUTE, days
from features.arrays import LogArrays
from features.catalogue import derive_features
from features.declare import (
    KINDS,
    ActiveDays,
    AsOf,
    Colleagues,
    Count,
    Distinct,
    Feature,
    FirstSeen,
    GapLast,
    GapMean,
    GapSpread,
    HourShare,
    LastDetail,
    LastValue,
    Max,
    Min,
    Ratio,
    Recency,
    StageAge,
    Sum,
    Trend,
    WeekdayShare,
)
from features.vocabulary import Vocabulary
from features.wording import sentence
from features.words.english_spans import ago, duration, number
from features.words.english_verbs import spoken

NAN = math.nan
YEAR = days(365)
PRICING = [*Count("page_view", "pricing").over(days(7), days(90), None), Recency("page_view", "pricing", YEAR)]
REPLY = [Recency("sales_email_reply", window=YEAR), *Count("sales_email_reply").over(days(30), None)]
TEAM = [*Count("page_view", level="account").over(days(7), YEAR), Recency("page_view", window=YEAR, level="account")]
BUY = [Count("purchase"), LastValue("purchase", window=YEAR), Sum("purchase", window=YEAR)]
WHOLE = [FirstSeen(window=YEAR), Recency(window=YEAR), *Count().over(days(7), YEAR)]
COLLEAGUES = Colleagues().over(days(7), YEAR)
SECOND = 1 / 86_400
VIEWS_TREND = Trend("page_view", window=days(7), against=days(28))
VIEWS_MONTH = "the page views in the last 28 days"
CLICK_RATE = Ratio("email_click", window=days(90), per="email_sent")
GAPS = [kind("page_view", window=days(90)) for kind in (GapLast, GapMean, GapSpread)]
VIEWS_EVERY, LAST_TWO = "Page views every", "between the last two (in the last 90 days)"
RHYTHM = [HourShare(window=YEAR, hours=(6, 12)), HourShare(window=YEAR, hours=(12, 18)), WeekdayShare(window=YEAR)]
YEARLONG = "the activities in the last 12 months"
SOME_DAYS = WeekdayShare("page_view", weekdays=(0, 4))
RANGE = [Count("purchase"), LastValue("purchase"), Min("purchase"), Max("purchase")]

TABLE: list[tuple[Sequence[Feature], Sequence[float], str]] = [
    # Counts and ages together.
    (PRICING, [3, 3, 3, 2 / 24], "Viewed the pricing page 3 times in the last 7 days, last 2 hours ago"),
    (PRICING, [0, 4, 9, 8.9], "Viewed the pricing page 4 times in the last 90 days, last 8 days ago"),
    (PRICING, [1, 1, 1, 1.0], "Viewed the pricing page 1 day ago"),
    (PRICING, [1, 4, 9, 20 * SECOND], "Viewed the pricing page less than a minute ago, 9 times in all"),
    (PRICING[:2], [1, 4], "Viewed the pricing page in the last 7 days, 4 times in the last 90 days"),
    (PRICING, [0, 0, 1, 200], "Viewed the pricing page 200 days ago"),
    (PRICING, [0, 0, 2, NAN], "Viewed the pricing page 2 times, last more than 12 months ago"),
    (PRICING, [0, 0, 1, NAN], "Viewed the pricing page more than 12 months ago"),
    (PRICING, [0, 0, 0, NAN], "Has not viewed the pricing page so far"),
    (PRICING[:2], [0, 0], "Has not viewed the pricing page in the last 90 days"),
    (PRICING[3:], [3.5], "Viewed the pricing page 3 days ago"),
    (PRICING[3:], [NAN], "Has not viewed the pricing page in the last 12 months"),
    (REPLY, [NAN, 0, 0], "Has not replied to a sales mail so far"),
    (REPLY, [2, 1, 1], "Replied to a sales mail 2 days ago"),
    (REPLY, [2, 2, 5], "Replied to 2 sales mails in the last 30 days, last 2 days ago"),
    ([Count("email_sent")], [0], "Was not sent a mail so far"),
    ([Count("email_sent")], [1], "Was sent a mail"),
    ([Count("email_sent")], [2], "Was sent 2 mails"),
    ([Count("opportunity_created")], [1], "Opened an opportunity"),
    ([Count("opportunity_created")], [0], "Has not opened an opportunity so far"),
    ([Count("opportunity_created")], [3], "Opened 3 opportunities"),
    # Without an object to count.
    ([Count("mql"), Recency("mql")], [1, 5], "Became an MQL 5 days ago"),
    ([Count("mql"), Recency("mql")], [2, 5], "Became an MQL 2 times, last 5 days ago"),
    ([Count("mql"), Recency("mql")], [0, NAN], "Has not become an MQL so far"),
    ([Count("call_connected")], [0], "Was not reached by phone so far"),
    ([Count("lead_created", "trade_fair")], [1], "Became a lead (trade fair)"),
    # Types that we have no verb for.
    ([Count("demo_watched"), Recency("demo_watched")], [3, 0.5], "Demo watched 3 times, last 12 hours ago"),
    ([Count("demo_watched"), Recency("demo_watched")], [1, 0.5], "Demo watched 12 hours ago"),
    ([Count("demo_watched", "part_2")], [0], "No demo watched (part 2) so far"),
    ([Count("demo_watched", level="account")], [2], "Account: demo watched 2 times"),
    # Details told by name, or after it.
    ([Count("meeting_booked", "expert_session")], [2], "Booked 2 meetings (expert session)"),
    ([Count("survey_answered", "very_likely")], [1], "Answered a survey (very likely)"),
    ([Count("page_view", "Landing Page")], [1], "Viewed the Landing Page"),
    ([Count("webinar_attended", "security")], [0], "Has not attended the security webinar so far"),
    ([Count(None, "pricing"), Recency(None, "pricing")], [2, 1], "Event (pricing) 2 times, last 1 day ago"),
    # The account.
    (TEAM, [2, 9, 1.5], "The account viewed 2 pages in the last 7 days, last 1 day ago"),
    (TEAM, [0, 1, 40], "The account viewed a page 40 days ago"),
    (TEAM, [0, 0, NAN], "The account has not viewed a page in the last 12 months"),
    ([Count(level="account", window=DAY)], [1], "Account: 1 activity in the last 24 hours"),
    ([Count(level="account", window=DAY)], [0], "Account: no activity in the last 24 hours"),
    # Everything together.
    (WHOLE, [12.9, 1, 4, 30], "4 activities in the last 7 days, last 1 day ago, known for 12 days"),
    (WHOLE, [365, 40, 0, 1], "1 activity in the last 12 months, last 40 days ago, known for more than 12 months"),
    (WHOLE, [0.5, 0.5, 1, 1], "1 activity in the last 7 days, last 12 hours ago, known for less than a day"),
    (WHOLE, [NAN, NAN, 0, 0], "No activity so far"),
    (WHOLE[:1], [1.0], "Known for 1 day"),
    (WHOLE[1:2], [1.0], "Last active 1 day ago"),
    (WHOLE[1:], [NAN, 0, 0], "No activity in the last 12 months"),
    ([ActiveDays(window=days(7))], [2], "Active"),
    # The stage.
    ([StageAge("mql")], [3.2], "Became an MQL 3 days ago"),
    ([StageAge("mql")], [NAN], "Has not become an MQL so far"),
    ([StageAge("meeting_held", each=True)], [0.5], "Held a meeting 12 hours ago"),
    # Trends.
    ([VIEWS_TREND], [0.6], f"60% of {VIEWS_MONTH} came in the last 7 days (picking up)"),
    ([VIEWS_TREND], [0.1], f"10% of {VIEWS_MONTH} came in the last 7 days (slowing down)"),
    ([VIEWS_TREND], [0.25], f"25% of {VIEWS_MONTH} came in the last 7 days (a steady pace)"),
    ([VIEWS_TREND], [1], f"All {VIEWS_MONTH} came in the last 7 days (picking up)"),
    ([VIEWS_TREND], [0.999], f"Nearly all {VIEWS_MONTH} came in the last 7 days (picking up)"),
    ([VIEWS_TREND], [0], "No page views in the last 7 days, though some in the last 28 days"),
    ([VIEWS_TREND], [NAN], "No page views in the last 28 days"),
    ([Trend(window=days(7), level="account")], [NAN], "Account: no activities in the last 28 days"),
    # Ratios.
    ([CLICK_RATE], [0.4], "0.4 email clicks for each of the sent mails in the last 90 days"),
    ([CLICK_RATE], [0], "No email clicks in the last 90 days, though there were sent mails"),
    ([CLICK_RATE], [1], "As many email clicks as sent mails in the last 90 days"),
    ([CLICK_RATE], [NAN], "No sent mails in the last 90 days"),
    ([Ratio("demo_watched")], [0.3], "30% of the activities so far were demo watched events"),
    # Gaps.
    (GAPS, [5.5, 3.1, 2], f"{VIEWS_EVERY} 3 days on average, give or take 2 days, 5 days {LAST_TWO}"),
    (
        GAPS,
        [0.1, 0.1, NAN],
        f"{VIEWS_EVERY} 2 hours on average, 2 hours {LAST_TWO}",
    ),
    (GAPS, [NAN, NAN, NAN], "Fewer than two page views in the last 90 days"),
    (GAPS[:1], [4], "4 days between the last two page views (in the last 90 days)"),
    (GAPS[2:], [4], "Times between page views that vary by 4 days (in the last 90 days)"),
    (GAPS[2:], [NAN], "Fewer than three page views in the last 90 days"),
    # Hours and weekdays.
    (RHYTHM, [0.2, 0.7, 0.1], f"70% of {YEARLONG} came between 12:00 and 18:00 UTC, 10% at the weekend"),
    (RHYTHM[:1], [0], f"Not one of {YEARLONG} came between 06:00 and 12:00 UTC"),
    (RHYTHM[2:], [1], f"All {YEARLONG} came at the weekend"),
    (RHYTHM, [NAN, NAN, NAN], "No activities in the last 12 months"),
    ([SOME_DAYS], [0.001], "Less than 1% of the page views so far came on Monday and Friday"),
    # Values and last details.
    (RANGE, [2, 5, 5, 20], "Made 2 purchases (last value 5; largest 20)"),
    (RANGE, [1, 5, 5, 5], "Made a purchase (last value 5)"),
    (RANGE[2:], [3, 20], "Made a purchase (smallest 3; largest 20)"),
    (RANGE[2:], [NAN, NAN], "Has not made a purchase so far"),
    (BUY, [1, 16_200, 16_200], "Made a purchase (last value 16,200)"),
    (BUY, [3, 5_610.5, 1_234_567], "Made 3 purchases (last value 5,610.5; 1,234,567 in the last 12 months)"),
    (BUY, [0, NAN, 0], "Has not made a purchase so far"),
    (BUY, [2, NAN, 0], "Made 2 purchases"),
    ([Sum("purchase")], [20], "Made a purchase (20 in all)"),
    ([LastValue("purchase")], [0], "Made a purchase (last value 0)"),
    ([LastValue("purchase", window=YEAR)], [NAN], "Has not made a purchase in the last 12 months"),
    ([LastDetail("form_submitted", categories=("contact_us",))], [0], "Submitted a form (last: contact us)"),
    ([LastDetail("form_submitted", categories=("contact_us",))], [1], "Submitted a form (last: a rarely seen one)"),
    ([LastDetail("form_submitted", categories=("contact_us",))], [NAN], "Has not submitted a form so far"),
    (
        [Count("form_submitted", window=DAY), LastDetail("form_submitted", categories=("contact_us",))],
        [0, NAN],
        "Has not submitted a form in the last 24 hours",  # a form without a name may have come before
    ),
    (
        [Count("page_view"), Distinct("page_view", window=YEAR)],
        [7, 3],
        "Viewed 7 pages (3 different ones in the last 12 months)",
    ),
    ([Distinct("page_view", window=YEAR)], [0], "Has not viewed a page in the last 12 months"),
    ([Distinct("page_view", window=YEAR)], [1], "Viewed a page"),
    ([ActiveDays("page_view", window=days(7))], [2], "Viewed a page"),
    ([ActiveDays("page_view", window=days(7))], [0], "Has not viewed a page in the last 7 days"),
    ([FirstSeen("page_view", window=YEAR)], [3], "Viewed a page, first 3 days ago"),
    ([FirstSeen("page_view", window=YEAR)], [365], "Viewed a page, first more than 12 months ago"),
    ([FirstSeen("page_view", window=YEAR)], [NAN], "Has not viewed a page so far"),
    # Colleagues.
    (COLLEAGUES, [0, 0], "No colleague was active in the last 12 months"),
    (COLLEAGUES, [0, 1], "1 colleague was active in the last 12 months"),
    (COLLEAGUES, [2, 5], "2 colleagues were active in the last 7 days"),
    ([Colleagues()], [2], "2 colleagues were active so far"),
    ([Colleagues("email_sent", window=DAY)], [2], "2 colleagues were sent a mail in the last 24 hours"),
    ([Colleagues("mql")], [1], "1 colleague became an MQL so far"),
    ([Colleagues("mql")], [0], "No colleague became an MQL so far"),
    ([Colleagues("demo_watched")], [3], "3 colleagues with demo watched so far"),
    # Attributes.
    ([AsOf("job_level", categories=("c_level", "vp"))], [0], "Job level: c level"),
    ([AsOf("job_level", categories=("c_level", "vp"))], [2], "Job level: a rarely seen one"),
    ([AsOf("job_level", categories=("c_level", "vp"))], [NAN], "Job level: unknown"),
    ([AsOf("employees", level="account")], [12_000], "Employees of the account: 12,000"),
    ([AsOf("employees", level="account")], [NAN], "Employees of the account: unknown"),
    ([AsOf("score")], [-0.0], "Score: 0"),
    ([AsOf("note", categories=("",))], [0], "Note: (empty)"),
]


@pytest.mark.parametrize(("features", "values", "said"), TABLE)
def test_what_is_said(features: Sequence[Feature], values: Sequence[float], said: str) -> None:
    assert sentence(features, values) == said


def test_the_table_has_every_kind() -> None:
    kinds = {type(feature) for features, _, _ in TABLE for feature in features}
    assert kinds == set(KINDS.values())


def test_ago() -> None:
    cases = {
        0.0: "less than a minute ago",
        (MINUTE - 1) / DAY: "less than a minute ago",
        MINUTE / DAY: "1 minute ago",
        59.9 * MINUTE / DAY: "59 minutes ago",
        HOUR / DAY: "1 hour ago",
        23.9 / 24: "23 hours ago",
        1.0: "1 day ago",
        1.99: "1 day ago",
        400.0: "400 days ago",
    }
    assert {age: ago(age) for age in cases} == cases


def test_duration() -> None:
    cases = {DAY: "24 hours", days(7): "7 days", YEAR: "12 months", 36 * HOUR: "36 hours", MINUTE: "1 minute"}
    assert {window: duration(window) for window in cases} == cases


def test_number() -> None:
    cases = {0.0: "0", -0.001: "-0.001", 12.5: "12.5", 1e6: "1,000,000", 0.005: "0.005", 1e20: "1e+20", -3.0: "-3"}
    assert {value: number(value) for value in cases} == cases
    assert [spoken(name) for name in ("free_mail", " a  b_", "___")] == ["free mail", "a b", "(empty)"]


def assert_readable(text: str) -> None:
    assert text
    assert text == " ".join(text.split())
    assert not text[0].islower()
    assert "_" not in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert not re.search(r"\b1 (days|hours|minutes|times|pages|mails|colleagues|activities)\b", text)
    assert not re.search(r"\b0 |\ba [aeiou]|\ban [^aeiouM]|[,;:]$|\(\)", text.replace("a user", ""))


def test_every_group_of_the_example_is_readable(tmp_path: Path) -> None:
    write_example(tmp_path, contacts=200, seed=2)
    tables = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("events", "attributes"))
    arrays = LogArrays.from_tables(*tables)
    last = int(arrays.events.occurred.max())
    features = derive_features(Vocabulary.of(arrays, last + DAY), FeatureSettings(max_columns=2_000))
    groups: dict[str, list[int]] = {}
    for column, feature in enumerate(features.features):
        groups.setdefault(feature.group, []).append(column)
    assert len(groups) > 50
    draw = random.Random(4)
    ids = [*arrays.contacts.to_pylist(), "nobody"]
    matrix = features.compute(arrays, ids, [last - draw.randrange(days(700)) for _ in ids])
    said = 0
    for columns in groups.values():
        for row in matrix[:, columns]:
            assert_readable(sentence([features.features[i] for i in columns], row.tolist()))
            part = sorted(draw.sample(range(len(columns)), draw.randint(1, len(columns))))  # some may have drifted
            assert_readable(sentence([features.features[columns[i]] for i in part], row[part].tolist()))
            said += 2
    assert said > 10_000


def test_any_values_make_a_readable_sentence() -> None:
    draw = np.random.default_rng(6)
    for features in SETS:
        groups: dict[str, list[Feature]] = {}
        for feature in features.features:
            if feature.detail != "":
                groups.setdefault(feature.group, []).append(feature)
        for group in groups.values():
            for value in (0.0, 1.0, 2.0, 365.0, math.nan):
                assert_readable(sentence(group, [value] * len(group)))
            for _ in range(20):
                values = draw.choice([0.0, 1.0, 2.0, 17.0, math.nan], len(group)).tolist()
                assert_readable(sentence(group, values))
