"""Who may do what: the only table of roles and permissions."""

from enum import StrEnum


class Permission(StrEnum):
    SEE = "see"  # every screen that only shows
    SYNCHRONISE = "synchronise"
    REPLAY = "replay"
    DOWNLOAD = "download"  # whole documents, with whatever they say of a consumer
    DELETE_REJECTED = (
        "delete_rejected"  # into the trash, where the till or the ERP provably holds the sale; and restore
    )
    DELETE_LAST_COPY = "delete_last_copy"  # into the trash, with a typed reason, though nobody else may hold the sale
    CURE = "cure"  # assign a series, map a product, accept a rounding difference, attach a protocol
    APPLY_STRUCTURES = "apply_structures"
    LOAD = "load"  # what tills sell with: read it from the ERP now, order it for tills, plan it
    CONFIRM_LOAD = "confirm_load"  # let through what was held since it changes too much
    SEE_LOCKS = "see_locks"
    KILL_SESSION = "kill_session"  # of the ERP; needs the DBA's own database login besides
    SEE_AUDIT = "see_audit"
    MANAGE_TILLS = "manage_tills"  # create, disable, new token
    MANAGE_USERS = "manage_users"


class Role(StrEnum):
    """From the least to the most: each role may do all that the ones before it may."""

    CONSULTA = "consulta"
    OPERADOR = "operador"
    SUPORTE = "suporte"
    DBA = "dba"
    ADMINISTRADOR = "administrador"


# What each role adds to the one before it.
_ADDED: dict[Role, frozenset[Permission]] = {
    Role.CONSULTA: frozenset({Permission.SEE}),
    Role.OPERADOR: frozenset(
        {Permission.SYNCHRONISE, Permission.REPLAY, Permission.DOWNLOAD, Permission.DELETE_REJECTED, Permission.LOAD}
    ),
    Role.SUPORTE: frozenset(
        {
            Permission.CURE,
            Permission.DELETE_LAST_COPY,
            Permission.APPLY_STRUCTURES,
            Permission.CONFIRM_LOAD,
            Permission.SEE_LOCKS,
        }
    ),
    Role.DBA: frozenset({Permission.KILL_SESSION, Permission.SEE_AUDIT}),
    Role.ADMINISTRADOR: frozenset({Permission.MANAGE_TILLS, Permission.MANAGE_USERS}),
}


def permissions(role: Role) -> frozenset[Permission]:
    """Everything the role may do."""
    return _PERMISSIONS[role]


def least(permission: Permission) -> Role:
    """The role from which on people may do it."""
    return next(role for role in Role if permission in _PERMISSIONS[role])


def _accumulated() -> dict[Role, frozenset[Permission]]:
    held: frozenset[Permission] = frozenset()
    whole: dict[Role, frozenset[Permission]] = {}
    for role in Role:
        held |= _ADDED[role]
        whole[role] = held
    return whole


_PERMISSIONS = _accumulated()
