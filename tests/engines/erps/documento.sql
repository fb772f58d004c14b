-- A retail ERP of foreign design, made up for the first day: identity keys, foreign keys, columns that nobody mentions, a trigger that
-- refuses unknown goods and keeps the stock itself. Nothing in it was made for Malote.
create table unidade (unidade_id serial primary key, razao varchar(80) not null, cnpj char(14) not null unique);
create table centro_custo (id int primary key, nome varchar(30) not null);
create table mercadorias (id bigint generated always as identity primary key, codigo varchar(20) not null unique, cod_barras varchar(14), nome varchar(100) not null);
create table especie (id serial primary key, tpag char(2) not null unique, nome varchar(30));
create table documento_fiscal (
  id bigint generated always as identity primary key, unidade_id int not null references unidade, chave_acesso char(44) not null unique,
  serie int not null, numero int not null, data_emissao timestamp not null, total_produtos numeric(14,2) not null, total_desconto numeric(14,2) not null default 0,
  total_nota numeric(14,2) not null, cancelado char(1) not null default 'N' check (cancelado in ('S','N')), centro_custo_id int not null references centro_custo,
  lote_integracao varchar(20) not null );
create table documento_fiscal_item (
  documento_id bigint not null references documento_fiscal, sequencia int not null, mercadoria_id bigint not null references mercadorias,
  quantidade numeric(14,4) not null, valor_unitario numeric(18,6) not null, valor_total numeric(14,2) not null, primary key (documento_id, sequencia));
create table documento_fiscal_pagamento (
  id bigint generated always as identity primary key, documento_id bigint not null references documento_fiscal, especie_id int not null references especie, valor numeric(14,2) not null, troco numeric(14,2) not null default 0);
create table saldo_estoque (unidade_id int not null references unidade, mercadoria_id bigint not null references mercadorias, saldo numeric(14,4) not null default 0, primary key (unidade_id, mercadoria_id));
create function baixa() returns trigger language plpgsql as $$ begin
  if not exists (select 1 from mercadorias where id = new.mercadoria_id and nome <> '') then raise exception 'mercadoria % sem cadastro completo', new.mercadoria_id; end if;
  insert into saldo_estoque select unidade_id, new.mercadoria_id, -new.quantidade from documento_fiscal where id = new.documento_id
    on conflict (unidade_id, mercadoria_id) do update set saldo = saldo_estoque.saldo + excluded.saldo;
  return new; end $$;
create trigger baixa before insert on documento_fiscal_item for each row execute function baixa();
insert into unidade (razao, cnpj) values ('CENTRO', '11222333000181');
insert into centro_custo values (1, 'LOJA'), (2, 'MATRIZ');
insert into especie (tpag, nome) values ('01','DINHEIRO'),('03','CREDITO'),('04','DEBITO'),('17','PIX');
