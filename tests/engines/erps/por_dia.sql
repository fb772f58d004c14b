-- Store, day and a running number together are the sale's key, and nothing draws the number: it is one more than the last.
create table filial (filial char(3) primary key, cnpj char(14) not null unique);
create table artigo (artigo int primary key, ean varchar(14) unique, codigo varchar(14) unique, nome varchar(40) not null);
create table forma (forma char(2) primary key, nome varchar(20) not null);
create table venda (
  filial char(3) not null references filial, dia date not null, seq int not null, chave_nfce char(44) not null,
  serie smallint not null, numero int not null, hora time not null, bruto numeric(14,2) not null,
  desconto numeric(14,2) not null, liquido numeric(14,2) not null, situacao varchar(9) not null
  check (situacao in ('NORMAL', 'CANCELADA')), primary key (filial, dia, seq));
create unique index on venda (chave_nfce);
create table venda_item (
  filial char(3) not null, dia date not null, seq int not null, item smallint not null, artigo int not null
  references artigo, quantidade numeric(14,4) not null, preco_unitario numeric(14,4) not null,
  valor numeric(14,2) not null, primary key (filial, dia, seq, item),
  foreign key (filial, dia, seq) references venda);
create table venda_imposto (
  filial char(3) not null, dia date not null, seq int not null, item smallint not null, imposto varchar(6) not null,
  base numeric(14,2), aliquota numeric(9,4), valor numeric(14,2) not null,
  primary key (filial, dia, seq, item, imposto),
  foreign key (filial, dia, seq, item) references venda_item);
create table venda_pagamento (
  filial char(3) not null, dia date not null, seq int not null, ordem smallint not null, forma char(2) not null
  references forma, valor numeric(14,2) not null, troco numeric(14,2) not null default 0,
  primary key (filial, dia, seq, ordem), foreign key (filial, dia, seq) references venda);
create table estoque_movimento (
  id bigint generated always as identity primary key, filial char(3) not null, artigo int not null references artigo,
  tipo char(1) not null check (tipo in ('S', 'E')), quantidade numeric(14,4) not null check (quantidade > 0));
insert into filial values ('001', '11222333000181');
insert into forma values ('01', 'DINHEIRO'), ('03', 'CREDITO'), ('04', 'DEBITO'), ('17', 'PIX');
