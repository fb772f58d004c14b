"""What a fiscal document says: reading it, checking it, comparing it. Pure: no file, network or database."""
