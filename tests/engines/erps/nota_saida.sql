-- A retail ERP made with a tool that quotes names: capitals and blanks, goods by an EAN table, payments by a table of plans, money in
-- four decimals, a stock that nobody but the program keeps. Made up for the tests; nothing in it was made for Malote.
create table "Filial" ("CodFilial" int primary key, "CNPJ" char(14) not null unique, "Razao Social" varchar(60) not null);
create table "Produto" ("IdProduto" bigint generated always as identity primary key, "CodInterno" varchar(20) not null unique, "Descricao" varchar(80) not null, "Ativo" char(1) not null default 'S');
create table "ProdutoEAN" ("EAN" varchar(14) primary key, "IdProduto" bigint not null references "Produto");
create table "PlanoPagamento" ("IdPlano" int primary key, "Descricao" varchar(40) not null, "CodSefaz" char(2) not null, unique ("CodSefaz"));
create table "NotaSaida" (
 "IdNota" bigint generated always as identity primary key,
 "CodFilial" int not null references "Filial",
 "NumPDV" smallint not null, "Serie" varchar(3) not null, "NumNota" int not null,
 "ChaveNFe" varchar(44) not null unique,
 "Dt Emissao" date not null, "Hr Emissao" time not null,
 "VlrMercadoria" numeric(15,4) not null, "VlrDesconto" numeric(15,4) not null default 0, "VlrTotal" numeric(15,4) not null,
 "Situacao" varchar(1) not null default 'N' check ("Situacao" in ('N','C')),
 "Protocolo" varchar(20),
 "TipoMov" char(3) not null check ("TipoMov" in ('VEN','DEV','TRF')),
 "UsuarioInc" varchar(30) not null,
 unique ("CodFilial","Serie","NumNota"));
create table "NotaSaidaItem" (
 "IdNota" bigint not null references "NotaSaida", "Item" smallint not null,
 "IdProduto" bigint not null references "Produto", "Qtde" numeric(15,4) not null, "VlrUnit" numeric(15,4) not null, "VlrTotal" numeric(15,4) not null, "CFOP" char(4) not null,
 "CentroCusto" int not null,
 primary key ("IdNota","Item"));
create table "NotaSaidaParcela" ("IdParcela" bigint generated always as identity primary key, "IdNota" bigint not null references "NotaSaida", "IdPlano" int not null references "PlanoPagamento", "Valor" numeric(15,4) not null, "Troco" numeric(15,4) not null default 0, "DtVencto" date not null);
create table "SaldoEstoque" ("CodFilial" int not null references "Filial", "IdProduto" bigint not null references "Produto", "Saldo" numeric(15,4) not null, primary key ("CodFilial","IdProduto"));
create function "fn_prod"() returns trigger language plpgsql as $$ begin
 if not exists (select 1 from "Produto" where "IdProduto"=new."IdProduto" and "Ativo"='S') then raise exception 'Produto % inativo ou sem cadastro', new."IdProduto"; end if; return new; end $$;
create trigger tg_prod before insert on "NotaSaidaItem" for each row execute function "fn_prod"();
insert into "Filial" values (1,'11222333000181','Loja Centro');
insert into "PlanoPagamento" values (10,'Dinheiro','01'),(20,'Cartao credito','03'),(21,'Cartao debito','04'),(30,'Pix','17');
