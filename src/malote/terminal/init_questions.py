"""What ``malote init`` asks and says."""

from malote.bilingual import Bilingual

WORDS: Bilingual[dict[str, str]] = Bilingual(
    {
        "production": "producao",
        "today": "hoje",
        "ask_language": "Idioma / Language (pt, en)",
        "ask_name": "Nome da loja",
        "ask_issuers": "CNPJ da loja (vários: com vírgulas; vazio: aceita notas de qualquer um)",
        "ask_environment": "Ambiente das notas: producao, ou homologacao numa loja de teste\n"
        "  (produção: as notas do ambiente de testes da SEFAZ, tpAmb 2, são rejeitadas, pois não são vendas;\n"
        "   homologação: são lançadas no ERP como se fossem vendas)\n"
        "  Ambiente",
        "ask_zone": "Fuso horário da loja",
        "ask_since": "A partir de quando as vendas contam: hoje, um dia (2026-11-27), um horário, ou tudo\n"
        "  (as anteriores são guardadas e não lançadas: o sistema antigo já as lançou)\n"
        "  Desde",
        "ask_erp_url": "Endereço do banco do ERP, como postgresql://malote@servidor/banco\n"
        "  (vazio: um arquivo SQLite aqui, para experimentar)\n"
        "  ERP",
        "ask_password": "  Senha desse usuário (vazio: sem senha)",
        "ask_profile": "Perfil do ERP: um arquivo .toml que diz quais tabelas gravar\n"
        "  (vazio: tabelas do próprio Malote)\n"
        "  Perfil",
        "ask_host": "Atender em que endereço (127.0.0.1: só esta máquina; 0.0.0.0: toda a rede)",
        "ask_port": "Porta",
        "kept": "– {path} já existe e fica como está.",
        "ignored": "  As opções dadas não mudam nada nele: edite o arquivo e rode malote check.",
        "written": "✔ Configurações: {path} (só o dono deste arquivo o lê)",
        "database": "✔ Banco da loja: {database}",
        "unit_environment": "! O endereço do ERP está só em MALOTE_ERP_URL: o serviço não o conhece. Escreva uma\n"
        "  linha MALOTE_ERP_URL=endereço em {file} (chmod 600), que o serviço lê.\n",
        "unit": "✔ Serviço do systemd: {unit}\n"
        "  Para instalar: sudo cp {unit} /etc/systemd/system/ && sudo systemctl enable --now malote-server",
        "script": "✔ Para o DBA do ERP, tabelas do Malote e permissões: {script}",
        "script_head": "-- Escrito por malote init, a cada vez de novo. Para o DBA: quem cria as tabelas é o dono.\n"
        "-- Os gatilhos do ERP rodam com as permissões deste usuário: o que eles tocam precisa de GRANT também\n"
        "-- (ou SECURITY DEFINER). malote erp try NOTA.xml diz o que falta.",
        "script_later": "– As permissões para o DBA ainda não podem ser escritas: {why}\n"
        "  Depois, rode malote init de novo.",
        "next": "Agora:",
        "next_profile": "  0. O ERP tem tabelas dele? malote erp profile suggest{config} > meu-erp.toml;"
        " confira o arquivo;\n"
        '     profile = "meu-erp.toml" no malote.toml; malote init{config} de novo (docs/erp-profiles.md)',
        "next_checked": "  0. malote erp profile check{config}; malote erp try NOTA.xml{config} depois do passo 1",
        "next_steps": "  1. malote erp create{config}  (ou o DBA roda o SQL acima)\n"
        "  2. malote till create caixa1{config}\n"
        "  3. malote check{config}\n"
        "  4. malote serve{config}",
    },
    {
        "production": "production",
        "today": "today",
        "ask_language": "Idioma / Language (pt, en)",
        "ask_name": "The store's name",
        "ask_issuers": "The store's CNPJ (several: with commas; empty: anybody's notes are taken)",
        "ask_environment": "Environment of the notes: production, or homologation in a test store\n"
        "  (production: notes of the tax authority's test environment, tpAmb 2, are rejected: they are no sales;\n"
        "   homologation: they are booked in the ERP as if they were sales)\n"
        "  Environment",
        "ask_zone": "The store's time zone",
        "ask_since": "From when on sales count: today, a day (2026-11-27), a time, or all\n"
        "  (earlier ones are kept and not booked: the old system has booked them)\n"
        "  Since",
        "ask_erp_url": "Address of the ERP's database, such as postgresql://malote@server/database\n"
        "  (empty: an SQLite file here, for trying out)\n"
        "  ERP",
        "ask_password": "  Password of that user (empty: none)",
        "ask_profile": "Profile of the ERP: a .toml file that says which tables are written\n"
        "  (empty: Malote's own tables)\n"
        "  Profile",
        "ask_host": "Address to listen on (127.0.0.1: this machine only; 0.0.0.0: the whole network)",
        "ask_port": "Port",
        "kept": "– {path} is there and stays as it is.",
        "ignored": "  The options given change nothing in it: edit the file, then run malote check.",
        "written": "✔ Settings: {path} (only its owner reads it)",
        "database": "✔ Store database: {database}",
        "unit_environment": "! The ERP's address is only in MALOTE_ERP_URL: the service doesn't know it. Write a\n"
        "  line MALOTE_ERP_URL=address into {file} (chmod 600), which the service reads.\n",
        "unit": "✔ systemd service: {unit}\n"
        "  To install it: sudo cp {unit} /etc/systemd/system/ && sudo systemctl enable --now malote-server",
        "script": "✔ For the ERP's DBA, Malote's tables and grants: {script}",
        "script_head": "-- Written by malote init, anew each time. For the DBA: who makes the tables owns them.\n"
        "-- The ERP's triggers run with this user's privileges: what they touch needs a GRANT too\n"
        "-- (or SECURITY DEFINER). malote erp try NOTE.xml says what is missing.",
        "script_later": "– The grants for the DBA can't be written yet: {why}\n  Run malote init again later.",
        "next": "Now:",
        "next_profile": "  0. The ERP has tables of its own? malote erp profile suggest{config} > my-erp.toml;"
        " check the file;\n"
        '     profile = "my-erp.toml" in malote.toml; malote init{config} again (docs/erp-profiles.md)',
        "next_checked": "  0. malote erp profile check{config}; malote erp try NOTE.xml{config} after step 1",
        "next_steps": "  1. malote erp create{config}  (or the DBA runs the SQL above)\n"
        "  2. malote till create caixa1{config}\n"
        "  3. malote check{config}\n"
        "  4. malote serve{config}",
    },
)
