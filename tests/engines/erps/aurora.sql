-- Rede Aurora: an ERP of 2009, partitioned since 2021
create type forma_pagto as enum ('DINHEIRO', 'CREDITO', 'DEBITO', 'PIX', 'OUTROS');
create domain qtde_dom as numeric(12,3) not null;
create table filial (codigo char(3) primary key, cnpj varchar(18) not null unique, nome text not null);
create table artigo (sku varchar(20) primary key, ean varchar(14) unique, descr text not null, ativo boolean not null default true);
create table venda (
  filial char(3) not null references filial, serie smallint not null, nnf integer not null, dia date not null,
  hora time not null, chave char(44) not null, bruto numeric(14,2) not null, desconto numeric(14,2) not null default 0,
  liquido numeric(14,2) not null, status char(1) not null default 'N' check (status in ('N','C')),
  protocolo varchar(15), cpf varchar(14), origem varchar(10) not null,
  primary key (filial, serie, nnf, dia)) partition by range (dia);
create table venda_2026_03 partition of venda for values from ('2026-03-01') to ('2026-04-01');
create table venda_2026_04 partition of venda for values from ('2026-04-01') to ('2026-05-01');
create unique index venda_chave on venda (chave, dia);
create table venda_item (
  filial char(3) not null, serie smallint not null, nnf integer not null, dia date not null, seq smallint not null,
  sku varchar(20) not null references artigo, qtde qtde_dom, vl_unit numeric(14,4) not null, vl_desc numeric(14,2) not null default 0,
  vl_total numeric(14,2) not null,
  primary key (filial, serie, nnf, dia, seq), foreign key (filial, serie, nnf, dia) references venda);
create table venda_pagto (
  filial char(3) not null, serie smallint not null, nnf integer not null, dia date not null, seq smallint not null,
  forma forma_pagto not null, valor numeric(14,2) not null, troco numeric(14,2) not null default 0,
  primary key (filial, serie, nnf, dia, seq), foreign key (filial, serie, nnf, dia) references venda);
create table saldo (filial char(3) not null references filial, sku varchar(20) not null references artigo,
  qtde numeric(14,3) not null, atualizado timestamptz not null, primary key (filial, sku));
create function artigo_ativo() returns trigger language plpgsql as $$ begin
  if not exists (select from artigo where sku = new.sku and ativo) then
    raise exception 'artigo % fora de linha', new.sku using errcode = 'P0001'; end if; return new; end $$;
create trigger t0 before insert on venda_item for each row execute function artigo_ativo();
create function baixa() returns trigger language plpgsql as $$ begin
  insert into saldo values (new.filial, new.sku, -new.qtde, now())
  on conflict (filial, sku) do update set qtde = saldo.qtde - new.qtde, atualizado = now(); return new; end $$;
create trigger t1 after insert on venda_item for each row execute function baixa();
create function volta() returns trigger language plpgsql as $$ begin
  if old.status = 'N' and new.status = 'C' then
    update saldo s set qtde = s.qtde + i.q, atualizado = now()
      from (select sku, sum(qtde) q from venda_item where (filial,serie,nnf,dia) = (new.filial,new.serie,new.nnf,new.dia) group by sku) i
     where s.filial = new.filial and s.sku = i.sku;
  end if; return new; end $$;
create trigger t2 after update on venda for each row execute function volta();
insert into filial values ('007', '11.222.333/0001-81', 'Centro');
