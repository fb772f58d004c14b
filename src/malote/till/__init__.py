"""The agent beside the POS: captures its files, keeps them, and takes them to the server."""
