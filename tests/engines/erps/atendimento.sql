-- A retail ERP whose tables bear other names than most (a sale is an atendimento, a payment a quitacao), with prefixes, the tax
-- authority's code as a number, states told by a comment, and a trigger that takes two channels only. Made up for the tests.
create table estabelecimento (id_estab serial primary key, nm_fantasia varchar(60) not null, nr_cnpj char(18) not null unique);
create table operador_caixa (id_operador int primary key, nm_operador varchar(40) not null);
create table artigo (id_artigo bigint generated always as identity primary key, cd_sku varchar(20) not null unique, nr_ean varchar(14), ds_artigo varchar(80) not null, fl_bloqueado boolean not null default false);
create table modalidade_pgto (id_modalidade int primary key, ds_modalidade varchar(40) not null, cd_sefaz smallint not null unique);
create table atendimento (
 id_atendimento bigint generated always as identity primary key,
 id_estab int not null references estabelecimento,
 nr_cupom int not null, nr_serie smallint not null,
 dt_atendimento date not null, hr_atendimento time not null,
 tx_chave varchar(44) not null unique,
 vl_subtotal numeric(12,2) not null, vl_abatimento numeric(12,2) not null default 0, vl_liquido numeric(12,2) not null,
 st_atendimento smallint not null default 1 check (st_atendimento in (1,2)),
 id_operador int not null references operador_caixa,
 cd_canal char(3) not null,
 ts_inclusao timestamptz not null default now());
comment on column atendimento.st_atendimento is '1 = concluido, 2 = cancelado';
create table atendimento_linha (
 id_linha bigint generated always as identity primary key, id_atendimento bigint not null references atendimento, nr_linha smallint not null,
 id_artigo bigint not null references artigo, qt_artigo numeric(12,3) not null, vl_unitario numeric(12,4) not null, vl_abatimento numeric(12,2) not null default 0, vl_linha numeric(12,2) not null,
 cd_cfop smallint not null, pc_icms numeric(5,2), unique (id_atendimento, nr_linha));
create table quitacao (id_quitacao bigint generated always as identity primary key, id_atendimento bigint not null references atendimento, id_modalidade int not null references modalidade_pgto, vl_quitado numeric(12,2) not null, vl_troco numeric(12,2) not null default 0);
create table estoque_mov (id_mov bigint generated always as identity primary key, id_estab int not null references estabelecimento, id_artigo bigint not null references artigo, tp_mov char(1) not null check (tp_mov in ('E','S')), qt_mov numeric(12,3) not null, ts_mov timestamptz not null default now(), id_atendimento bigint references atendimento);
create function confere_artigo() returns trigger language plpgsql as $$ begin
 if not exists (select 1 from artigo where id_artigo = new.id_artigo and not fl_bloqueado) then raise exception 'artigo % bloqueado ou desconhecido', new.id_artigo; end if;
 return new; end $$;
create trigger confere_artigo before insert on atendimento_linha for each row execute function confere_artigo();
create function confere_canal() returns trigger language plpgsql as $$ begin
 if new.cd_canal not in ('PDV','WEB') then raise exception 'canal % nao existe', new.cd_canal; end if; return new; end $$;
create trigger confere_canal before insert on atendimento for each row execute function confere_canal();
insert into estabelecimento (nm_fantasia, nr_cnpj) values ('LOJA CENTRO','11.222.333/0001-81'),('LOJA SUL','11.222.333/0002-62');
insert into operador_caixa values (1,'MARIA'),(2,'JOAO');
insert into modalidade_pgto values (1,'Dinheiro',1),(3,'Credito',3),(4,'Debito',4),(17,'Pix',17);
