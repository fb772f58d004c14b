"""The one book of orders to tills: what each shall do, how it was told, how far it is, and how it ended."""
