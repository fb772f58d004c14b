"""What every command shares at the terminal: its settings, what it prints, and how it ends."""
