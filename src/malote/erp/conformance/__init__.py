"""What every engine and every profile must do, as checks that the tests run and that ``malote erp verify`` runs against
a customer's own database."""
