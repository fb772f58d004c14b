"""What was booked against what the ERP has of it: the third witness, compared round and round."""
