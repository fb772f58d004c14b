"""The store database: engine, tables, migrations."""
