"""The ERP's production database: one module per engine behind one Protocol."""
