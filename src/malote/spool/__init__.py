"""The durable queue of documents and their states."""
