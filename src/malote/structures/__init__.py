"""What the databases should look like, how they differ, and how they get there without holding anybody up."""
