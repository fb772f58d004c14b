"""551 - Lock de Banco: who blocks whom in the production database, who waits behind, and ending a session safely."""
