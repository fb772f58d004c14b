"""What is wrong, with its weight, value, age and cure: one declaration for lights, list, status, metrics and alerts."""
