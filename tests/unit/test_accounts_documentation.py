"""docs/security.md says what the code does."""

from pathlib import Path

from malote.accounts import passwords, sessions
from malote.accounts.roles import Role
from malote.accounts.throttle import LIMITS

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_role_is_described_in_its_order() -> None:
    places = [PAGE.index(f"| `{role}` |") for role in Role]
    assert places == sorted(places)


def test_the_numbers_are_those_of_the_code() -> None:
    for words in (
        f"{passwords.SHORTEST} to {passwords.LONGEST} characters",
        f"after {LIMITS['pair'].free} by one user from one address, after {LIMITS['user'].free} at",
        f"after {LIMITS['address'].free} from one address",
        f"after {sessions.SessionLimits().whole / 3600:.0f} hours whatever is done",
        f"At most {sessions.MOST_OF_ONE_USER} are open for one user",
        f"within the last {sessions.REMEMBER_SECONDS / 86400:.0f} days",
    ):
        assert words in PAGE, words
    assert max(limit.longest for limit in LIMITS.values()) == 60
    assert sessions.SessionLimits().idle == 3600
