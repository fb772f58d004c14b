"""From bytes to a receipt: authenticate, read, check, spool."""
