"""HTTP for tills and integrators."""
