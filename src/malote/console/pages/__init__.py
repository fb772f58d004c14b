"""One file per screen: a ``context`` of what it shows, and the handlers that answer with it."""
