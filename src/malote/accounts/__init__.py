"""People: who they are, how they sign in, what their role lets them do, and the trail of what they did."""
