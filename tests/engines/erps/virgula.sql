-- Amounts as text with a comma, days as text, a sequence for each store, ways of paying up with plans, a trigger that refuses and sets.
create table filial (cod char(3) primary key, cgc varchar(18) not null unique);
create table prod (cod varchar(14) primary key, descr varchar(40) not null, barra varchar(14));
create table forma (cod char(2) primary key, nome varchar(30) not null, tpag char(2) not null);
create table plano (forma char(2) not null references forma, plano smallint not null, parcelas smallint not null, nome varchar(30) not null, primary key (forma, plano));
create sequence seq_venda_001; create sequence seq_venda_002;
create table venda (filial char(3) not null references filial, nrvenda bigint not null, nrcupom int not null, serie char(3) not null, chave char(44) not null unique, dtvenda char(10) not null, hrvenda char(8) not null, vlbruto varchar(15) not null, vldesc varchar(15) not null, vlliq varchar(15) not null, cancelada char(1) not null check (cancelada in ('S','N')), vendedor int not null, usuario varchar(20) not null, primary key (filial, nrvenda));
create table itvenda (filial char(3) not null, nrvenda bigint not null, item smallint not null, cod varchar(14) not null references prod, qtde varchar(15) not null, vlunit varchar(15) not null, vltotal varchar(15) not null, primary key (filial, nrvenda, item), foreign key (filial, nrvenda) references venda);
create table pgvenda (filial char(3) not null, nrvenda bigint not null, seq smallint not null, forma char(2) not null, plano smallint not null, valor varchar(15) not null, troco varchar(15), primary key (filial, nrvenda, seq), foreign key (filial, nrvenda) references venda, foreign key (forma, plano) references plano);
create table kardex (id bigserial primary key, filial char(3) not null references filial, cod varchar(14) not null references prod, es char(1) not null check (es in ('E','S')), qtde numeric(12,3) not null, nrvenda bigint);
create function quem() returns trigger language plpgsql as $$ begin new.usuario := coalesce(new.usuario, current_user); if new.vendedor = 0 then raise exception 'vendedor 0 nao existe: use 900 (frente de loja)'; end if; return new; end $$;
create trigger t before insert on venda for each row execute function quem();
insert into filial values ('001','11.222.333/0001-81');
insert into forma values ('DI','DINHEIRO','01'),('CR','CARTAO CREDITO','03'),('DB','CARTAO DEBITO','04'),('PX','PIX','17');
insert into plano select cod, 1, 1, nome||' A VISTA' from forma; insert into plano select cod, 2, 2, nome||' 2X' from forma where cod='CR';
