"""The audit trail in sentences: who did what to what, with what changed behind it.

No code of the trail's own gets onto a screen: what has no words here (a newer version may write more) is told in
general, and stands as it was written among the technical details.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from malote import rejection
from malote.accounts.audit import AuditEntry
from malote.console import load_words, taxpayers
from malote.console.formats import Formats
from malote.console.language import marked, translator
from malote.rejection import Language

SYSTEM = "system"

SENTENCES: dict[str, str] = {
    "alert_silenced": marked("%(who)s silenciou um aviso"),
    "alerts_tested": marked("%(who)s testou os avisos"),
    "archive_exported": marked("%(who)s exportou o arquivo fiscal de um mês"),
    "chain_key_taken": marked("%(who)s disse que outra chave assina a cadeia dos dias encerrados"),
    "closing_accepted": marked("%(who)s aceitou a diferença de um fechamento do caixa %(name)s"),
    "closings_read": marked("%(who)s leu fechamentos de caixa"),
    "consumer_added": marked("%(who)s cadastrou o consumidor %(name)s"),
    "consumer_key_renewed": marked("%(who)s trocou o token ou segredo do consumidor %(name)s"),
    "consumer_retried": marked("%(who)s mandou chamar de novo o consumidor %(name)s"),
    "consumer_revoked": marked("%(who)s revogou o consumidor %(name)s"),
    "damaged_accepted": marked("%(who)s respondeu por arquivos danificados do caixa %(name)s"),
    "day_accepted": marked("%(who)s aceitou a diferença de um dia do caixa %(name)s"),
    "day_closed": marked("%(who)s encerrou um dia do caixa %(name)s"),
    "day_exported": marked("%(who)s exportou um dia encerrado"),
    "dba_login_refused": marked("%(who)s tentou entrar no banco do ERP e não conseguiu"),
    "dba_signed_in": marked("%(who)s entrou no banco do ERP como %(name)s"),
    "difference_accepted": marked("%(who)s aceitou a diferença de soma do documento %(name)s"),
    "document_downloaded": marked("%(who)s baixou o documento %(name)s"),
    "documents_downloaded": marked("%(who)s baixou rejeitados do caixa %(name)s"),
    "documents_replayed": marked("%(who)s reprocessou o que esperava a estrutura do banco"),
    "erp_ledger_accepted": marked("%(who)s aceitou o que falta no ERP"),
    "evidence_made": marked("%(who)s juntou evidências para o Suporte"),
    "file_mended": marked("%(who)s trouxe de novo um arquivo danificado do caixa %(name)s"),
    "flag_seen": marked("%(who)s marcou como conferido o documento %(name)s"),
    "issuer_accepted": marked("%(who)s aceitou o emitente do documento %(name)s como da loja"),
    "job_ended": marked("O trabalho pedido por %(who)s terminou"),
    "job_started": marked("%(who)s mandou fazer um trabalho"),
    "job_stopped": marked("%(who)s parou um trabalho"),
    "kept_unbooked": marked("%(who)s guardou sem lançar o documento %(name)s"),
    "last_copy_deleted": marked("%(who)s apagou o documento %(name)s, que podia ser a última cópia"),
    "load_back_ordered": marked("%(who)s mandou o caixa %(name)s voltar à carga anterior"),
    "load_back_released": marked("%(who)s liberou o caixa %(name)s para a carga mais nova"),
    "load_back_reported": marked("No caixa %(name)s uma pessoa voltou à carga anterior"),
    "load_confirmed": marked("%(who)s confirmou uma carga que estava retida: %(name)s"),
    "load_hold_refused": marked("%(who)s recusou uma carga que estava retida: %(name)s"),
    "load_made": marked("%(who)s leu o ERP e fez a versão %(name)s das cargas"),
    "load_ordered": marked("%(who)s mandou a carga aos caixas, na versão %(name)s"),
    "load_plan_removed": marked("%(who)s removeu o agendamento de carga %(name)s"),
    "load_planned": marked("%(who)s agendou uma carga: agendamento %(name)s"),
    "lock_rule_switched": marked("%(who)s mudou o encerramento automático de sessões do banco"),
    "load_rollout_approved": marked("%(who)s aprovou a próxima onda da distribuição de carga %(name)s"),
    "load_rollout_cancelled": marked("%(who)s cancelou a distribuição de carga %(name)s"),
    "load_rollout_resumed": marked("%(who)s continuou a distribuição de carga %(name)s"),
    "load_rollout_started": marked("%(who)s mandou uma carga aos caixas em ondas: distribuição %(name)s"),
    "lost_accepted": marked("%(who)s respondeu pelas vendas que o caixa %(name)s perdeu"),
    "mapping_ended": marked("%(who)s desfez um de-para"),
    "numbers_accepted": marked("%(who)s respondeu por números que faltam no caixa %(name)s"),
    "old_ledger_import_begun": marked("%(who)s começou a importar o que o sistema antigo lançou"),
    "old_ledger_imported": marked("%(who)s importou o que o sistema antigo lançou"),
    "password_changed": marked("%(who)s trocou a própria senha"),
    "payment_mapped": marked("%(who)s mapeou uma forma de pagamento, no documento %(name)s"),
    "product_mapped": marked("%(who)s mapeou um produto, no documento %(name)s"),
    "protocol_attached": marked("%(who)s anexou o protocolo ao documento %(name)s"),
    "refused_replayed": marked("%(who)s reprocessou o que o ERP recusou antes que uma carga mudasse produtos"),
    "rejected_deleted": marked("%(who)s apagou rejeitados: %(object)s"),
    "rejected_replayed": marked("%(who)s reprocessou rejeitados do caixa %(name)s"),
    "rejected_restored": marked("%(who)s restaurou da lixeira: %(object)s"),
    "reversal_ordered": marked("%(who)s mandou estornar o que não foi autorizado: documento %(name)s"),
    "rollout_cancelled": marked("%(who)s cancelou a atualização %(name)s dos caixas"),
    "rollout_resumed": marked("%(who)s continuou a atualização %(name)s dos caixas"),
    "rollout_started": marked("%(who)s mandou atualizar a estrutura dos caixas"),
    "rule_accepted": marked("%(who)s aceitou achados de uma regra da loja"),
    "sale_judged": marked("%(who)s disse que é venda, e mandou lançar o documento %(name)s"),
    "sales_booked_again": marked("%(who)s mandou lançar de novo o que o ERP perdeu do caixa %(name)s"),
    "sales_sent_again": marked("%(who)s mandou enviar de novo as vendas de um período ao consumidor %(name)s"),
    "series_assigned": marked("%(who)s atribuiu uma série ao caixa %(name)s"),
    "series_learned": marked("O sistema reconheceu uma série no caixa %(name)s"),
    "session_kill_ordered": marked("%(who)s mandou matar a sessão %(name)s do banco"),
    "session_killed": marked("Resultado da sessão %(name)s do banco, que %(who)s mandou matar"),
    "sign_in_failed": marked("%(who)s tentou entrar e não conseguiu"),
    "signed_in": marked("%(who)s entrou"),
    "signed_out": marked("%(who)s saiu"),
    "store_rebuilt": marked("%(who)s refez o banco de dados do Malote"),
    "store_restored": marked("%(who)s restaurou o servidor de um backup"),
    "structure_update_begun": marked("%(who)s mandou atualizar a estrutura: %(object)s"),
    "structure_updated": marked("Terminou a atualização de estrutura de %(who)s: %(object)s"),
    "till_created": marked("%(who)s cadastrou o caixa %(name)s"),
    "till_disabled": marked("%(who)s desativou o caixa %(name)s"),
    "till_enabled": marked("%(who)s ativou o caixa %(name)s"),
    "till_key_renewed": marked("%(who)s trocou o token do caixa %(name)s"),
    "till_slowed": marked("O caixa %(name)s foi freado: rejeições demais"),
    "till_synchronised": marked("%(who)s sincronizou o caixa %(name)s"),
    "unbooked_accepted": marked("%(who)s aceitou que o apagado do caixa %(name)s não seja lançado"),
    "user_created": marked("%(who)s criou o usuário %(name)s"),
    "user_disabled": marked("%(who)s desativou o usuário %(name)s"),
    "user_enabled": marked("%(who)s reativou o usuário %(name)s"),
    "user_password_set": marked("%(who)s redefiniu a senha do usuário %(name)s"),
    "user_role_changed": marked("%(who)s mudou o perfil do usuário %(name)s"),
}
_UNKNOWN = marked("%(who)s fez algo que esta versão não conhece: veja os detalhes técnicos")

_OBJECTS: dict[str, str] = {
    "till": marked("caixa %(name)s"),
    "document": marked("documento %(name)s"),
    "job": marked("trabalho %(name)s"),
    "user": marked("usuário %(name)s"),
    "consumer": marked("consumidor %(name)s"),
    "load": marked("carga %(name)s"),
    "load_plan": marked("agendamento de carga %(name)s"),
    "load_rollout": marked("distribuição de carga %(name)s"),
    "entity": marked("entidade %(name)s"),
    "rollout": marked("atualização %(name)s dos caixas"),
    "erp_session": marked("sessão %(name)s do banco"),
    "structure:till": marked("caixas"),
    "structure:store": marked("Autosserviço"),
    "structure:erp": marked("banco do ERP"),
    "erp": marked("banco do ERP"),
    "locks": marked("bloqueios do banco"),
    "server": marked("servidor"),
    "alerts": marked("avisos"),
}

_FACTS: dict[str, str] = {
    "back_from": marked("Versão desfeita"),
    "because": marked("Por causa de"),
    "code": marked("Causa"),
    "count": marked("Quantos"),
    "day": marked("Dia"),
    "days": marked("Dias"),
    "difference": marked("Diferença"),
    "differs": marked("Diferença"),
    "disabled": marked("Desativado"),
    "display_name": marked("Nome"),
    "documents": marked("Documentos"),
    "done": marked("Feitos"),
    "fields": marked("Campos"),
    "file": marked("Arquivo"),
    "gone": marked("Sairiam"),
    "changed": marked("Mudariam"),
    "cron": marked("Horário"),
    "emergency": marked("Emergência"),
    "items": marked("Linhas escolhidas"),
    "whole": marked("Geral"),
    "hours": marked("Horas"),
    "issuer": marked("Emitente"),
    "job": marked("Trabalho"),
    "kind": marked("Tipo"),
    "known": marked("Já conhecidos"),
    "label": marked("Descrição"),
    "machine": marked("Máquina"),
    "missing": marked("Faltam"),
    "model": marked("Modelo"),
    "made_at": marked("Backup de"),
    "minutes": marked("Minutos"),
    "month": marked("Mês"),
    "must_change_password": marked("Deve trocar a senha"),
    "new": marked("Novos"),
    "new_code": marked("Código novo"),
    "number": marked("Número"),
    "numbers": marked("Números"),
    "of": marked("De"),
    "old_code": marked("Código no caixa"),
    "order": marked("Pedido"),
    "other": marked("Outra nota"),
    "others": marked("Outras notas"),
    "owner": marked("Era do caixa"),
    "personal": marked("Com dados do consumidor"),
    "program": marked("Programa"),
    "programs": marked("Programas"),
    "reason": marked("Motivo da rejeição"),
    "refused": marked("Ficaram como estavam"),
    "rejects_per_minute": marked("Rejeições por minuto"),
    "replayed": marked("Reprocessados"),
    "result": marked("Resultado"),
    "retried": marked("Tentados de novo"),
    "role": marked("Perfil"),
    "run": marked("Execução"),
    "saved_minutes": marked("Minutos de venda poupados"),
    "series": marked("Série"),
    "since": marked("Desde"),
    "source": marked("Origem"),
    "state": marked("Situação"),
    "steps": marked("Passos"),
    "table": marked("Tabela"),
    "taken": marked("Aceitos"),
    "targets": marked("Destinos"),
    "till": marked("Caixa"),
    "objects": marked("Tabelas"),
    "sales": marked("Vendas"),
    "sessions": marked("Sessões"),
    "sessions_behind": marked("Sessões atrás"),
    "tills": marked("Caixas"),
    "total": marked("Total"),
    "until": marked("Até"),
    "user": marked("Usuário"),
    "users": marked("Usuários"),
    "version": marked("Versão"),
    "wrong": marked("Errados"),
}

_VALUES: dict[str, str] = {
    "accepted": marked("Recebido"),
    "active": marked("executando"),
    "idle": marked("parada"),
    "idle in transaction": marked("parada no meio de uma transação"),
    "cancelled": marked("Cancelado"),
    "cancellations": marked("Cancelamentos"),
    "delete": marked("Apagar"),
    "discarded": marked("Na lixeira"),
    "done": marked("concluído"),
    "draft": marked("à espera de confirmação"),
    "failed": marked("falhou"),
    "folder": marked("Pasta"),
    "kept": marked("Guardado, não lançado"),
    "off": marked("desligado"),
    "on": marked("ligado"),
    "posted": marked("Lançado"),
    "pull": marked("Consulta"),
    "rehearsal": marked("em ensaio"),
    "rejected": marked("Rejeitado"),
    "replay": marked("Reprocessar"),
    "restore": marked("Restaurar"),
    "running": marked("em andamento"),
    "sales": marked("Vendas"),
    "stopped": marked("parado"),
    "stopping": marked("parando"),
    "synchronise": marked("Sincronizar"),
    "waiting": marked("Em espera"),
    "webhook": marked("Chamada HTTP"),
}

_CENTS = "_cents"
_DECIMAL = re.compile(r"-?\d+\.\d+")
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)+")
_MOST = 5  # of a list, in a sentence
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[:.\d]*(?:Z|[+-]\d\d:\d\d)")
_CODES = frozenset({"code", "reason", "because"})


class TrailSentence(msgspec.Struct, frozen=True):
    """An entry as people read it. ``changes``: name, value before, value after; "" where there was none."""

    sentence: str
    changes: list[tuple[str, str, str]]
    technical: str  # the entry as it was written


def told(entry: AuditEntry, language: Language, formats: Formats) -> TrailSentence:
    say = translator(language)
    who = say(marked("O sistema")) if entry.actor == SYSTEM else entry.actor
    kind, _, name = entry.object.partition(":")
    name = load_words.entity(name, language) if kind == "entity" else name
    words = {"who": who, "name": name or kind, "object": _object(entry.object, language)}
    names = list(dict.fromkeys([*entry.before, *entry.after]))
    changes = [
        (say(_FACTS[known]), _said(one, entry.before, language, formats), _said(one, entry.after, language, formats))
        for one in names
        if (known := one.removesuffix(_CENTS)) in _FACTS
    ]
    return TrailSentence(say(SENTENCES.get(entry.action, _UNKNOWN)) % words, changes, _technical(entry))


def who(name: str, language: Language) -> str:
    return translator(language)(marked("sistema")) if name == SYSTEM else name


def _object(on: str, language: Language) -> str:
    kind, _, name = on.partition(":")
    name = load_words.entity(name, language) if kind == "entity" else name
    words = _OBJECTS.get(on) or _OBJECTS.get(kind)
    return translator(language)(words) % {"name": name} if words else name or kind


def _said(name: str, facts: Mapping[str, Any], language: Language, formats: Formats) -> str:
    return _value(name, facts[name], language, formats) if name in facts else ""


def _value(name: str, value: Any, language: Language, formats: Formats) -> str:
    say = translator(language)
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return say(marked("sim")) if value else say(marked("não"))
    if name.endswith(_CENTS) and isinstance(value, int):
        return formats.money(value)
    if isinstance(value, list):
        shown = ", ".join(_value(name, one, language, formats) for one in value[:_MOST])
        return f"{shown}…" if len(value) > _MOST else shown
    text = taxpayers.shown(str(value)) if name == "issuer" else str(value)
    if name in _CODES or _CODE.fullmatch(text):
        return rejection.title(text, language)
    if _INSTANT.fullmatch(text):
        return formats.moment(text)
    if text in _VALUES:
        return say(_VALUES[text])
    return formats.decimal(text) if _DECIMAL.fullmatch(text) else text


def _technical(entry: AuditEntry) -> str:
    written = {"action": entry.action, "object": entry.object, "before": entry.before, "after": entry.after}
    return json.dumps({name: value for name, value in written.items() if value}, ensure_ascii=False)
