"""``[post]`` of a profile: what may stand there, and its binds as each driver writes them."""

import pytest

from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.post import binds_of, for_driver
from malote.erp.profiles.profile import read

CALL = "update t set a = :document::jsonb, b = ':id', c = 10 % 3 where d = \":id\" -- :id\n and e = :ID"


def profile(post: str, more: str = "") -> str:
    return f'name = "x"\n{more}\n[post]\n{post}\n'


def test_binds_are_told_from_texts_casts_and_comments() -> None:
    assert binds_of(CALL) == {"document", "id"}
    assert binds_of("do $$ begin x := ':document'; perform f(:id); end $$") == set()
    assert binds_of("begin :answer := f(:document); end;") == {"answer", "document"}


def test_each_driver_gets_its_own_binds() -> None:
    told = '":id" -- :id\n'
    assert for_driver(CALL, "pyformat") == (
        f"update t set a = %(document)s::jsonb, b = ':id', c = 10 %% 3 where d = {told} and e = %(id)s"
    )
    assert for_driver(CALL, "named") == CALL.replace(":ID", ":id")
    assert for_driver("f(:id, :document, :id)", "numbered") == "f($2, $1, $2)"


@pytest.mark.parametrize(
    ("post", "why"),
    [
        ("", "call"),
        ("call = []", "needs a statement"),
        ("call = ' '", "needs a statement"),
        ("call = 'select f(:documento)'", "not :documento"),
        ("call = 'select 1'", "takes no :document"),
        ("call = ['select f(:documents)', 'select g(:id)']", ":documents stands alone"),
        ("call = 'f(:document)'\ncall_void = 'f(:documents)'", ":documents stands alone"),
        ("call = 'f(:document)'\ncalls = 'f'", "calls"),
        ("call = 'f(:document)'\ntable = 'a;b'", "can't be the name"),
    ],
)
def test_what_can_t_be_called_is_refused_at_the_start(post: str, why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        read(profile(post), "x.toml")


def test_tables_and_statements_don_t_go_together() -> None:
    with pytest.raises(ProfileError, match=r"\[item\] can't be there too"):
        read(profile("call = 'f(:document)'\n[item]\ntable = 'i'\n[item.columns]\na = 'access_key'"), "x.toml")
    with pytest.raises(ProfileError, match="item"):
        read("name = 'x'\n[sale]\ntable = 's'\n[sale.columns]\na = 'access_key'", "x.toml")
