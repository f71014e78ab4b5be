"""Crons and intervals, read back in words; and crons that are refused with what to write instead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cqrs.values import Refused
from cqrs.workers.cron import parse
from cqrs.workers.due_times import Timing
from cqrs.workers.timing_words import span_words, timing_words

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 2 * * *", "every night at 02:00 Europe/Berlin"),
        ("0 14 * * *", "every day at 14:00 Europe/Berlin"),
        ("*/15 * * * *", "every 15 minutes"),
        ("* * * * *", "every minute"),
        ("5 * * * *", "every hour at :05"),
        ("0 5 * * 1", "every Monday at 05:00 Europe/Berlin"),
        ("0 5 * * 1-5", "every weekday at 05:00 Europe/Berlin"),
        ("0 5 * * fri-sun", "every Friday, Saturday and Sunday at 05:00 Europe/Berlin"),
        ("0 3 1,15 * *", "on days 1 and 15 of every month at 03:00 Europe/Berlin"),
        ("30 3 29 feb *", "on day 29 of February at 03:30 Europe/Berlin"),
        ("0 */6 * * *", "every day at 00:00, 06:00, 12:00 and 18:00 Europe/Berlin"),
        ("15 1-23/2 * * *", "every 2 hours from 01:15 Europe/Berlin"),
        ("*/10 8-18 * * 1-5", "every 10 minutes, from 08:00 to 18:59, every weekday Europe/Berlin"),
        ("0 */5 * * *", "every day at 00:00, 05:00, 10:00, 15:00 and 20:00 Europe/Berlin"),
        ("30 */5 * * sat", "every Saturday at 00:30, 05:30, 10:30, 15:30 and 20:30 Europe/Berlin"),
        ("0 1-3,22-23 * * *", "every day at 01:00, 02:00, 03:00, 22:00 and 23:00 Europe/Berlin"),
        ("0 8-18 * * 1-5", "every hour from 08:00 to 18:00, every weekday Europe/Berlin"),
        ("0-30 * * * *", "every minute from :00 to :30"),
        ("5-10 2,3 * * *", "every minute from :05 to :10, from 02:00 to 03:59 Europe/Berlin"),
        ("0,10 8-18 * * *", "at :00 and :10, from 08:00 to 18:59 Europe/Berlin"),
        ("0 0 * 1,7 *", "every day in January and July at 00:00 Europe/Berlin"),
        (
            "*/7 * * 6 *",
            "every hour at :00, :07, :14, :21, :28, :35, :42, :49 and :56, every day in June Europe/Berlin",
        ),
    ],
)
def test_a_cron_in_words(cron: str, words: str) -> None:
    assert timing_words(Timing(cron=cron, zone=BERLIN)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(900, "every 15 minutes"), (3_600, "every hour"), (90, "every 90 seconds"), (86_400, "every day")],
)
def test_an_interval_in_words(seconds: int, words: str) -> None:
    assert timing_words(Timing(every=timedelta(seconds=seconds), zone=BERLIN)) == words


def test_a_span_in_words() -> None:
    assert [span_words(timedelta(minutes=n)) for n in (1, 20, 60)] == ["1 minute", "20 minutes", "1 hour"]


@pytest.mark.parametrize("same", ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun", " 0  0 *  * SUN "])
def test_sunday_is_0_and_7(same: str) -> None:
    assert parse(same).weekdays == (0,)


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        ("", "Give five fields"),
        ("every night", "Give five fields"),
        ("0 0 2 * * *", "Give five fields"),
        ("61 * * * *", "“61” is no minute: write 0 to 59"),
        ("0 24 * * *", "“24” is no hour"),
        ("0 2 0 * *", "“0” is no day of the month"),
        ("0 2 * * 8", "“8” is no day of the week"),
        ("0 2 * foo *", "“foo” is no month: write 1 to 12 or jan to dec"),
        ("0 22-2 * * *", "ends before it begins"),
        ("*/0 * * * *", "has no such step"),
        ("** * * * *", "is no minute"),
        ("0 ٢ * * *", "is no hour"),
        ("0 2 L * *", "is no day of the month"),
        ("0 0 31 2 *", "This never happens"),
        ("0 2 1 * 1", "leave the other *"),
        ("1," * 200 + "1 * * * *", "Give five fields"),
    ],
)
def test_a_cron_that_means_nothing_is_refused_with_what_to_write(cron: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence.replace("*", r"\*")):
        parse(cron)
