"""The support page as a program: what a till's, or all tills', procedure sees, decides, asks, does and proves."""
