from typing import Any, cast

import pytest

from malote.load_format.wire import LoadNews
from malote.till.load_news import REST_SECONDS, listen
from malote.till.server_client import ServerClient, ServerError

BUSY = ServerError("busy", "server_busy", "", retry_after=90.0)
AWAY = ServerError("unreachable", "server_unreachable", "")
OLDER = ServerError("shut", "not_found", "")


class Line:
    """Answers one after the other, each after 25 seconds; and how long was rested between them."""

    def __init__(self, *answers: int | LoadNews | ServerError, each_takes: float = 25.0) -> None:
        self._answers, self._each_takes = list(answers), each_takes
        self.asked: list[int] = []
        self.rests: list[float] = []
        self.told = 0
        self.now = 0.0

    def newest_load(self, known: LoadNews) -> LoadNews:
        self.asked.append(known.version)
        self.now += self._each_takes
        answer = self._answers.pop(0)
        if isinstance(answer, ServerError):
            raise answer
        return answer if isinstance(answer, LoadNews) else LoadNews(answer)

    def wait(self, seconds: float) -> bool:
        self.rests.append(seconds)
        return not self._answers

    def tell(self) -> None:
        self.told += 1

    def heard(self) -> Any:
        listen(cast(ServerClient, self), self.tell, self.wait, lambda: self.now)
        return self


TOLD: list[tuple[tuple[int | LoadNews | ServerError, ...], int]] = [
    ((7,), 0),
    ((7, 7, 7), 0),
    ((7, 8, 8, 9), 2),
    ((7, AWAY, 8), 1),
    ((LoadNews(7, 1), LoadNews(7, 2), LoadNews(7, 3), LoadNews(7, 3)), 2),
]


@pytest.mark.parametrize(("answers", "told"), TOLD)
def test_each_version_and_wave_after_the_first_is_told(
    answers: tuple[int | LoadNews | ServerError, ...], told: int
) -> None:
    assert Line(*answers).heard().told == told


def test_what_is_known_is_what_was_said_last() -> None:
    assert Line(7, 8, AWAY, 8).heard().asked == [-1, 7, 8, 8]


@pytest.mark.parametrize(("error", "rest"), [(BUSY, 90.0), (AWAY, REST_SECONDS), (OLDER, 600.0)])
def test_a_server_that_does_not_answer_is_left_alone(error: ServerError, rest: float) -> None:
    assert Line(7, error, 7).heard().rests == [0.0, 0.0, rest, 0.0]


def test_what_answers_without_news_and_without_waiting_is_not_hurried() -> None:
    assert Line(7, 7, 7, each_takes=0.01).heard().rests == [0.0, 0.0, REST_SECONDS, REST_SECONDS]
