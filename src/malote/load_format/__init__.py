"""What a load is made of, for the server that stages it and the till that applies it; both import this, and nothing of
each other. Pure: no database and no network."""
