"""Keys as one array: a thousand parameters cost PostgreSQL and its driver more than the rows that they name."""

from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from malote.erp.statements import Among


@compiles(Among, "postgresql")
def _array(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    keys = bindparam("keys", element.keys, unique=True, type_=ARRAY(Text))
    return compiler.process(element.column == any_(keys), **options)
