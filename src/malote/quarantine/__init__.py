"""Rejected files on disk."""
