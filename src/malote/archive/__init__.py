"""The legal archive: authorised documents with all that was made of them, per CNPJ and month, to be kept for years."""
