"""Whom to believe: keys and signatures, and whose a credential is. Knows no database and no face."""
