"""How an ERP with names of its own is described: a profile, its small language, and its comparison with a database."""
