-- Store, till and the note's number together are the sale's key; lines carry all three, payments without any foreign key.
-- The goods' codes are text filled up with zeros; who registered it, a trigger says.
create table lojas (loja smallint primary key, cgc varchar(18) not null unique, fantasia varchar(40));
create table merc (cod varchar(8) primary key, ean varchar(14) unique, descr varchar(60) not null);
create table finaliz (fin smallint primary key, descr varchar(30), tpag char(2) unique);
create table cab_cupom (
  loja smallint not null references lojas, pdv smallint not null, cupom int not null, dtmov char(8) not null,
  hrmov char(6) not null, chave varchar(44) not null unique, vlr_bruto numeric(15,4) not null,
  vlr_desc numeric(15,4) not null, vlr_liq numeric(15,4) not null, status smallint not null default 0
  check (status in (0, 9)), protocolo varchar(20), usuario varchar(30) not null, primary key (loja, pdv, cupom));
create table det_cupom (
  loja smallint not null, pdv smallint not null, cupom int not null, seq smallint not null,
  cod varchar(8) not null references merc, qtd numeric(15,3) not null, preco numeric(15,4) not null,
  total numeric(15,4) not null, primary key (loja, pdv, cupom, seq),
  foreign key (loja, pdv, cupom) references cab_cupom);
create table fin_cupom (
  loja smallint not null, pdv smallint not null, cupom int not null, seq smallint not null,
  fin smallint not null references finaliz, valor numeric(15,4) not null, troco numeric(15,4) not null default 0,
  primary key (loja, pdv, cupom, seq));
create table mov_estoque (
  id bigint generated always as identity primary key, loja smallint not null, pdv smallint not null, cupom int not null,
  cod varchar(8) not null references merc, qtd numeric(15,3) not null, foreign key (loja, pdv, cupom) references cab_cupom);
create function quem() returns trigger language plpgsql as $$ begin new.usuario := current_user; return new; end $$;
create trigger a1 before insert on cab_cupom for each row execute function quem();
insert into lojas values (1, '11.222.333/0001-81', 'LOJA 1');
insert into finaliz values (1, 'DINHEIRO', '01'), (2, 'CREDITO', '03'), (3, 'DEBITO', '04'), (4, 'PIX', '17');
