"""The ERP on PostgreSQL: all that is this engine's alone."""
