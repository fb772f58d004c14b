"""Who is connected to the production database, who blocks whom, and ending a session. One module per engine."""
