"""A first profile for a database that nobody described: looked at, guessed, and written with what is unsure of it."""
