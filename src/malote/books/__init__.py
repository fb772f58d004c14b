"""The books: what can be counted again by anyone."""
