"""The table behind the lock console. Times are seconds since the epoch. A change here needs a migration."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from malote.database.partial_index import PartialIndex
from malote.database.tables import ROW_ID, metadata

# Sessions of the ERP in which posters of this store work; spool/presence.py.
poster_session = Table(
    "poster_session",
    metadata,
    Column("session", Text, nullable=False),
    Column("began", Text, nullable=False),
    Column("until", Double, nullable=False),
    PrimaryKeyConstraint("session", "began", name="poster_session_key"),
)

# Posters at work over this store, in a session of the ERP's or not; spool/presence.py.
poster_sign = Table(
    "poster_sign",
    metadata,
    Column("owner", Text, nullable=False, primary_key=True),
    Column("at", Double, nullable=False),
    Column("trouble", Text, nullable=False),  # the code that keeps it from booking; "" while it books
    Column("facts", Text),  # JSON, dict of str, of the trouble
    Column("since", Double),  # that it lasts
)

# One row: when a poster could book last, and the times before in which none could; spool/outages.py.
posting_possible = Table(
    "posting_possible",
    metadata,
    Column("id", Integer, nullable=False, primary_key=True),  # 1
    Column("at", Double, nullable=False),
)
posting_outage = Table(
    "posting_outage",
    metadata,
    Column("began", Double, nullable=False, primary_key=True),
    Column("ended", Double, nullable=False),
)

# Who held sales up, from when to when: samples joined (locks/episodes.py). Kept for 90 days.
_OPEN = text("ended_at IS NULL")
lock_episode = Table(
    "lock_episode",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("session", Text, nullable=False),  # "" while nobody can tell
    Column("db_user", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("head", Text, nullable=False),  # lock_reports.Head, as last seen
    Column("idle_seconds", Double, nullable=False),
    Column("active_seconds", Double, nullable=False),
    Column("whole", Boolean, nullable=False),  # whether it ever held up all sales
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),  # the newest sample
    Column("ended_at", Double),
    Column("ending", Text, nullable=False),  # episodes.Ending
    Column("sales", BigInteger, nullable=False),  # at the newest sample
    Column("most_sales", BigInteger, nullable=False),
    Column("most_cents", BigInteger, nullable=False),
    Column("sales_seconds", Double, nullable=False),
    # By the automatic measure: when, after how many sales-seconds, and by which rule.
    Column("chosen_at", Double),
    Column("chosen_seconds", Double),
    Column("chosen_by", Text, nullable=False),
    PartialIndex("lock_episode_open", "session", unique=True, where=_OPEN),
    Index("lock_episode_started", "started_at"),
)

# One row: how far the automatic measure has come (locks/automatic_rule.py).
lock_rule = Table(
    "lock_rule",
    metadata,
    Column("id", Integer, nullable=False, primary_key=True),  # 1
    Column("definition", Text, nullable=False),  # what of the settings the state is about
    Column("state", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("actor", Text, nullable=False),
)
