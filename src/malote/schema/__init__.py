"""A database's structure as data, what a database has of it, and the steps between: all that a till carries of it."""
