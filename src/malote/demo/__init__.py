"""A simulated store: tills that sell, a small ERP, faults to plant."""
