"""The ERP on SQLite, for trying out and for small stores: all that is this engine's alone."""
