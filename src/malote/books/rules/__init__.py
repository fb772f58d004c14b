"""The retailer's own rules: a condition over a sale or a till's day, and the finding that it makes where it holds."""
