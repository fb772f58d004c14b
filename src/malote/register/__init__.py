"""What people look at, search and put right of the documents that are here: reads the queue's tables, never leases."""
