"""Who holds sales up most: episodes added up by database user and program, the heaviest first. Pure."""

from collections.abc import Iterable

import msgspec

from malote.locks.episodes import Episode


class Culprit(msgspec.Struct, frozen=True):
    """Somebody who stands at the head of the queue again and again."""

    user: str
    program: str
    episodes: int
    seconds: float  # in which sales waited for them
    sales_seconds: float
    cents: int  # of the sales that waited when most did, added up
    idle: int  # episodes in which the session did nothing most of the time
    last: float  # when the newest began


def ranked(found: Iterable[Episode]) -> list[Culprit]:
    """By sales-seconds, then by value. One that nobody could name stands for itself, with both texts ""."""
    gathered: dict[tuple[str, str], list[Episode]] = {}
    for one in found:
        gathered.setdefault((one.user, one.program), []).append(one)
    culprits = [_added(user, program, episodes) for (user, program), episodes in gathered.items()]
    return sorted(culprits, key=lambda one: (-one.sales_seconds, -one.cents, one.user, one.program))


def _added(user: str, program: str, episodes: list[Episode]) -> Culprit:
    return Culprit(
        user=user,
        program=program,
        episodes=len(episodes),
        seconds=sum(one.seconds for one in episodes),
        sales_seconds=sum(one.sales_seconds for one in episodes),
        cents=sum(one.most_cents for one in episodes),
        idle=sum(one.idle for one in episodes),
        last=max(one.started_at for one in episodes),
    )
