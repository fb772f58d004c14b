"""Lease, post, settle; bisecting and backing off."""
