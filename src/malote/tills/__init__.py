"""What the server knows of its tills: who they are, their series, what they say of themselves, what they are asked."""
