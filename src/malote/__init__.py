"""Takes every sale from a store's tills to the ERP exactly once, and proves it."""

__version__ = "0.1.0"
