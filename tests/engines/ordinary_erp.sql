-- An ERP of ordinary design, made up for the tests of docs/erp-profiles.md. Nothing in it was made for Malote.
create table filial (
  cod int primary key, inscricao varchar(18) not null unique, apelido varchar(40) not null  -- 11.222.333/0001-81
);
create table meio (cod int primary key, tpag char(2) not null unique, nome varchar(30) not null);
create table mercadoria (
  id bigint generated always as identity primary key, gtin varchar(14) unique, plu varchar(20) unique,
  nome varchar(80) not null, vendavel boolean not null default true
);
create table cupom (
  id bigint generated always as identity primary key,
  filial int not null references filial, serie smallint not null, numero int not null, chave char(44) not null unique,
  emitido timestamp not null, bruto numeric(12,2) not null, desconto numeric(12,2) not null, liquido numeric(12,2) not null,
  estado char(1) not null default 'A' check (estado in ('A', 'C')), protocolo varchar(17),
  operador int not null, via varchar(10) not null, gravado timestamptz not null default now(),
  unique (filial, serie, numero)
);
create table cupom_linha (
  cupom bigint not null references cupom, ordem smallint not null, mercadoria bigint not null references mercadoria,
  qtd numeric(12,3) not null, unitario numeric(14,4) not null, valor numeric(12,2) not null, cfop smallint not null,
  primary key (cupom, ordem)
);
create table cupom_tributo (
  cupom bigint not null, ordem smallint not null, sigla varchar(6) not null,
  base numeric(12,2), aliquota numeric(7,4), valor numeric(12,2) not null,
  primary key (cupom, ordem, sigla), foreign key (cupom, ordem) references cupom_linha
);
create table cupom_recebido (
  id bigint generated always as identity primary key, cupom bigint not null references cupom,
  meio int not null references meio, valor numeric(12,2) not null, troco numeric(12,2) not null default 0
);
create table estoque_mov (
  id bigint generated always as identity primary key, filial int not null references filial,
  mercadoria bigint not null references mercadoria, sentido char(1) not null check (sentido in ('S', 'E')),
  qtd numeric(12,3) not null check (qtd > 0), cupom bigint references cupom, gravado timestamptz not null default now()
);
create function so_o_vendavel() returns trigger language plpgsql as $$ begin
  if not (select vendavel from mercadoria where id = new.mercadoria) then
    raise exception 'mercadoria % fora de linha: reative no cadastro', new.mercadoria using errcode = 'P0001';
  end if;
  return new;
end $$;
create trigger so_o_vendavel before insert on cupom_linha for each row execute function so_o_vendavel();
insert into filial values (1, '11.222.333/0001-81', 'Centro'), (2, '12.ABC.345/01DE-35', 'Atacado');
insert into meio values (1, '01', 'DINHEIRO'), (2, '03', 'CREDITO'), (3, '04', 'DEBITO'), (4, '17', 'PIX');
