"""Rejected files on disk and their index."""
