"""The demo's words, in Portuguese and in English."""

import re
from enum import Enum

from malote.bilingual import Bilingual, filled
from malote.rejection import Language


def figure(text: str, language: Language) -> str:
    """A number written with a decimal point, as people of the language write it."""
    grouped = re.sub(r"(?<![\d.])\d+", lambda whole: f"{int(whole[0]):,}", text)
    return Bilingual(grouped.translate(str.maketrans(",.", ".,")), grouped).of(language)


class Phrase(Enum):
    """Each phrase with its two texts."""

    ROW_FILES = ("arquivos", "files")
    ROW_SALES = ("vendas", "sales")
    ROW_SUM = ("valor (R$)", "amount (R$)")
    ROW_CANCELLED = ("canceladas", "cancelled")
    ROW_VOIDS = ("inutilizações", "number voids")
    ROW_GOODS = ("saída de estoque", "goods out of stock")
    ROW_REFUSED = ("vendas que o ERP recusa", "sales the ERP refuses")
    NOT_CAPTURED = ("arquivo que o agente do caixa não capturou", "a file the till's agent did not capture")
    TILL_STATE = ("o caixa não tem o estado certo", "the till has not the right state")
    NOT_IN_OUTBOX = ("a venda não está na saída do caixa", "the sale is not in the till's outbox")
    SERVER_STATE = ("o servidor não tem o estado certo", "the server has not the right state")
    NOT_ON_SERVER = ("a venda não está no servidor", "the sale is not on the server")
    FOLDER_AND_TAB = ("a pasta de rejeitados e o índice divergem", "folder of rejected files and index disagree")
    DOUBLED = ("venda em dobro no ERP", "sale doubled in the ERP")
    BOOKED_THOUGH_REFUSED = ("lançada, embora o ERP devesse recusar", "booked, though the ERP should refuse it")
    LOST = ("venda perdida: não está no ERP", "lost sale: not in the ERP")
    NEVER_SOLD = ("está no ERP e nenhum caixa vendeu", "in the ERP, and no till sold it")
    UNEVEN = ("itens ou pagamentos não somam o total", "items or payments don't add up to the total")
    WRONG_TOTAL = ("total errado, em centavos", "wrong total, in cents")
    WRONG_CANCELLATION = ("cancelamento errado", "wrong cancellation")
    WRONG_AUTHORISATION = ("autorização errada", "wrong authorisation")
    WRONG_TILL = ("caixa errado", "wrong till")
    WRONG_STOCK = ("estoque errado, em décimos de milésimo", "wrong stock, in ten-thousandths")
    WRONG_VOID = ("inutilização errada", "wrong number void")
    FAULT_COPY = ("o mesmo arquivo com outro nome", "the same file under another name")
    FAULT_REWRITTEN = ("a mesma nota regravada com outros bytes", "the same note written again in other bytes")
    FAULT_POISON = ("venda que o ERP recusa", "a sale the ERP refuses")
    FAULT_TRUNCATED = ("arquivo cortado ao meio", "a file cut in half")
    FAULT_DIVERGENT = ("mesma chave, outro conteúdo", "same key, other content")
    FAULT_EARLY_CANCELLATION = ("cancelamento antes da venda", "a cancellation before its sale")
    FAULT_CANCELLATION = ("cancelamento", "a cancellation")
    FAULT_CONTINGENCY = ("contingência, autorizada depois", "offline contingency, authorised later")
    FAULT_LATE = ("nota sem protocolo, autorizada depois", "a note without protocol, authorised later")
    FAULT_VOID = ("inutilização de números", "numbers voided")
    FAULT_PLANTED = ("plantado: {fault}", "planted: {fault}")
    FAULT_RECOVERED = ("recuperado: {fault}", "put right: {fault}")
    PROOF = ("Prova", "Proof")
    WHAT = ("o quê", "what")
    POS = ("PDV", "POS")
    TILL = ("caixa", "till")
    SERVER = ("servidor", "server")
    ERP = ("ERP", "ERP")
    AGREES = ("confere", "agrees")
    PLANTED = ("Falhas plantadas", "Planted faults")
    MUST_END = ("deve acabar", "must end")
    ENDED = ("acabou", "ended")
    HOLDS = ("Nada se perdeu, nada dobrou.", "Nothing lost, nothing doubled.")
    FAILS = ("NÃO CONFERE.", "DOES NOT AGREE.")
    DIFFERENCES = ("Diferenças", "Differences")
    MORE = ("e mais {count}", "and {count} more")
    SELLING = ("vendendo", "selling")
    PLANTING = ("plantando falhas", "planting faults")
    SETTLING = ("esperando assentar", "waiting until all is settled")
    STUCK = ("nada mais se move: {detail}", "nothing moves any more: {detail}")
    BUSY = ("outra demonstração está rodando em {path}", "another demo runs in {path}")
    NOT_STARTED = ("o servidor não respondeu; veja {path}", "the server did not answer; see {path}")
    KILLED = ("kill -9: {name}", "kill -9: {name}")
    RESTARTED = ("{name} caiu e foi iniciado de novo", "{name} had died and was started again")
    KEPT_HOME = ("Tudo ficou em {path} (registros em logs/)", "Everything is left in {path} (logs in logs/)")
    SQLITE_INSTEAD = (
        "Sem PostgreSQL aqui ({reason}); o ERP da demonstração é um SQLite.",
        "No PostgreSQL here ({reason}); the demo's ERP is a SQLite file.",
    )
    STARTING_ERP = ("iniciando o PostgreSQL do ERP", "starting the ERP's PostgreSQL")
    STARTING = ("iniciando servidor, lançador e caixas", "starting server, poster and tills")
    HOME = ("A loja está em {path}", "The store is in {path}")
    CONSOLE = (
        "Console: {address}/console · usuário {user}, senha {password}",
        "Console: {address}/console · user {user}, password {password}",
    )
    DROP_HERE = ("Solte seus XML aqui: {path}", "Drop your XML files here: {path}")
    LOOK_HERE = ("Rejeitados, com o motivo: {path}", "Rejected ones, with the reason: {path}")
    UPDATE_WITH = (
        "Estruturas de 2025. Atualize: malote structures apply erp; malote structures rollout start --all (-c {path})",
        "Structures of 2025. Update: malote structures apply erp; malote structures rollout start --all (-c {path})",
    )
    PRICES_CHANGED = ("o ERP mudou {count} preços", "the ERP changed {count} prices")
    PRICES_AT_TILL = (
        "{till}: preços na carga {shown}, primeira venda a um deles {sold} depois",
        "{till}: prices in its load after {shown}, first sale at one of them after {sold}",
    )
    LOCK_WITH = (
        "Travar o estoque: malote demo lock --home {path} · DBA: {user}, senha {password}",
        "Lock the stock: malote demo lock --home {path} · DBA: {user}, password {password}",
    )
    LOCKED = (
        "O estoque está travado. Ctrl-C solta; ou encerre a sessão em 551 - Lock de Banco.",
        "The stock is locked. Ctrl-C lets go; or end the session in 551 - Database locks.",
    )
    UNLOCKED = ("O estoque está solto.", "The stock is free again.")
    LOCK_ENDED = ("Alguém encerrou a sessão: o estoque está solto.", "Somebody ended the session: the stock is free.")
    NO_DEMO = (
        "nenhuma demonstração está rodando em {path} ({detail})",
        "no demo runs in {path} ({detail})",
    )
    STOP_WITH = ("Ctrl-C para tudo.", "Ctrl-C stops all.")
    STOPPING = ("parando…", "stopping…")
    STOPPED = ("Tudo parado. Rode de novo para continuar.", "All stopped. Run it again to continue.")
    PENDING = ("a caminho", "on the way")
    POSTED = ("lançados", "posted")
    WAITING = ("esperando", "waiting")
    REJECTED = ("rejeitados", "rejected")
    AMOUNT = ("valor", "amount")
    SOLD_OFFLINE = ("{till}: venda {number} em contingência", "{till}: sale {number} offline (contingency)")
    SOLD_LATE = ("{till}: venda {number} ainda sem protocolo", "{till}: sale {number} not authorised yet")
    CANCELLED = ("{till}: venda {number} cancelada", "{till}: sale {number} cancelled")
    VOIDED = ("{till}: número {number} inutilizado", "{till}: number {number} voided")
    SUM_OF_TILL = (
        "{till}: {sold:venda|vendas}, {posted:lançado|lançados}",
        "{till}: {sold:sale|sales}, {posted} posted",
    )
    SUM_OF_ERP = ("No ERP: {count:venda|vendas}, R$ {amount}", "In the ERP: {count:sale|sales}, R$ {amount}")

    def say(self, language: Language, **facts: object) -> str:
        return filled(Bilingual(*self.value).of(language), **facts)
