"""Tells people of findings that last: once per store, cause and business day, and that they are over."""
