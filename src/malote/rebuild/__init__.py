"""A new store database where the old one is damaged or gone."""
