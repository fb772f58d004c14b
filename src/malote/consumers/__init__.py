"""Who is told of sales beside the ERP: by pulling, by webhooks, by folders."""
