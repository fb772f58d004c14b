"""The ERP on MariaDB or MySQL: all that is theirs alone. What else an engine touches: decision 20."""
