"""The table behind the lock console. Times are seconds since the epoch. A change here needs a migration."""

from sqlalchemy import Column, Double, Integer, PrimaryKeyConstraint, Table, Text

from malote.database.tables import metadata

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
