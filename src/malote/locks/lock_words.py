"""How pages and commands call what becomes of an episode, and how far the automatic measure may go."""

from malote.bilingual import Bilingual
from malote.locks.automatic_rule import State
from malote.locks.episodes import Ending

ENDINGS: dict[Ending, Bilingual[str]] = {
    "": Bilingual("dura ainda", "lasts still"),
    "let_go": Bilingual("soltou sozinha", "let go by itself"),
    "person": Bilingual("Matar Sessão", "killed by a person"),
    "rule": Bilingual("encerrada pela regra", "ended by the rule"),
    "unseen": Bilingual("o servidor parou de olhar", "the server stopped looking"),
}
STATES: dict[State, Bilingual[str]] = {
    "off": Bilingual("desligado", "off"),
    "rehearsal": Bilingual("em ensaio", "in rehearsal"),
    "on": Bilingual("ligado", "on"),
}
