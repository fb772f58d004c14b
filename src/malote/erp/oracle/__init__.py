"""The ERP on Oracle: all that is this engine's alone."""
