"""What happened to a document, in words."""

from collections.abc import Mapping

from malote import rejection
from malote.bilingual import Bilingual
from malote.quarantine.quarantine_reports import HistoryEvent
from malote.rejection import Language, Text
from malote.spool.history import What

_GROUNDS: dict[str, Text] = {
    "till": Text("o caixa tem o arquivo", "the till has the file"),
    "erp": Text("o ERP tem a venda", "the ERP has the sale"),
    "forced": Text("podia ser a última cópia", "it may have been the last copy"),
}

WORDS: dict[What, Text] = {
    "waiting": Text("Em espera", "Waiting"),
    "rejected": Text("Rejeitado", "Rejected"),
    "kept": Text("Guardado, não lançado", "Kept, not booked"),
    "joined": Text("Unido à resposta da SEFAZ (cStat {status})", "Joined with the authority's answer (cStat {status})"),
    "adapted": Text("Lançado com as letras mais próximas: {detail}", "Booked in the nearest letters: {detail}"),
    "flagged": Text("Lançado, para uma pessoa conferir", "Booked, for a person to look at"),
    "mended": Text("Completou a venda lançada antes: {fields}", "Completed the sale booked before: {fields}"),
    "order_given": Text("Estorno e lançamento confirmados: {reason}", "Reversal and booking confirmed: {reason}"),
    "judged_sale": Text("É venda, por decisão de uma pessoa: {reason}", "A sale, by a person's decision: {reason}"),
    "seen": Text("Conferido: {reason}", "Seen: {reason}"),
    "judged": Text("Lido de novo e rejeitado", "Read again and rejected"),
    "replayed": Text("Reprocessado", "Replayed"),
    "booked_again": Text("Mandado lançar de novo: o ERP o perdeu", "Ordered to be booked again: the ERP lost it"),
    "deleted": Text("Apagado para a lixeira: {grounds}", "Deleted to the trash: {grounds}"),
    "restored": Text("Restaurado da lixeira", "Restored from the trash"),
    "purged": Text("Retirado da lixeira no fim do prazo", "Removed from the trash at the end of its retention"),
    "folder_shared": Text(
        "O caixa {owner}, dono da série, também enviou: dois agentes leem a mesma pasta",
        "Till {owner}, which owns the series, sent it too: two agents share a folder",
    ),
    "series_assigned": Text(
        "Série {series} do emitente {issuer} atribuída ao caixa {till}",
        "Series {series} of issuer {issuer} assigned to till {till}",
    ),
    "issuer_accepted": Text("Emitente {issuer} aceito como da loja", "Issuer {issuer} accepted as the store's"),
    "difference_accepted": Text(
        "Diferença de soma aceita: {differences}", "Difference of sums accepted: {differences}"
    ),
    "product_mapped": Text("Produto {old_code} passa a ser {new_code}", "Product {old_code} is booked as {new_code}"),
    "payment_mapped": Text(
        "Forma de pagamento {old_code} passa a ser {new_code}", "Method of payment {old_code} is booked as {new_code}"
    ),
    "protocol_attached": Text("Versão com protocolo anexada", "Version with protocol attached"),
    "came_from_folder": Text(
        "O arquivo {name} foi posto à mão na pasta de rejeitados",
        "The file {name} was put by hand into the folder of rejected files",
    ),
    "changed_by_hand": Text(
        "O arquivo foi alterado à mão na pasta: o conteúdo novo entrou à parte e o original foi gravado de novo",
        "The file was changed in its folder by hand: the new content was taken in apart, the original written again",
    ),
    "removed_by_hand": Text(
        "O arquivo foi removido à mão da pasta e está na lixeira: {grounds}",
        "The file was removed from its folder by hand and is in the trash: {grounds}",
    ),
    "written_again": Text(
        "O arquivo foi removido à mão da pasta; podia ser a última cópia e foi gravado de novo",
        "The file was removed from its folder by hand; it may have been the last copy and was written again",
    ),
    "unbooked_accepted": Text(
        "Aceito que não seja lançado, embora apagado: {reason}",
        "Accepted that it isn't booked, though deleted: {reason}",
    ),
    "restored_by_hand": Text(
        "O arquivo foi posto de volta na pasta à mão", "The file was put back into its folder by hand"
    ),
}


def words(event: HistoryEvent, language: Language) -> str:
    """One line: "Reprocessado", "Rejeitado: Recusada por uma regra do ERP (3 vezes)"."""
    # A newer version may have written what this one doesn't know.
    known = next((text for what, text in WORDS.items() if what == event.what), Text(event.what, event.what))
    said = (Bilingual(known.pt, known.en).of(language)).format_map(_facts(event, language))
    if event.reason is not None:
        said += f": {rejection.title(event.reason.code, language)}"
    if event.times > 1:
        said += f" ({event.times} {Bilingual('vezes', 'times').of(language)})"
    return said


def _facts(event: HistoryEvent, language: Language) -> Mapping[str, str]:
    grounds = _GROUNDS.get(event.facts.get("grounds", ""))
    shown = {} if grounds is None else {"grounds": Bilingual(grounds.pt, grounds.en).of(language)}
    differences = ", ".join(
        f"{rejection.title(code, language)} {said}"
        for code, said in sorted(rejection.written(event.facts, language).items())
    )
    return _Blank({"differences": differences} | dict(rejection.written(event.facts, language)) | shown)


class _Blank(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "?"
