"""What tills sell with: read from the ERP, kept in versions, published as files that never change, ordered by hash."""
