"""Tills, their tokens and the series they own."""
