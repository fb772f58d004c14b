-- On MariaDB: the access key in a table beside the sale, barcodes of 14 digits, an enumeration, stock that triggers keep. Made up for the
-- tests; statements end with a line of its own that holds two slashes.
create table filiais (cd_filial smallint unsigned primary key, razao varchar(60) not null, cgc varchar(18) not null unique) engine=InnoDB
//
create table produtos (id int unsigned auto_increment primary key, cod_interno varchar(14) not null unique, gtin char(14), nome varchar(80) not null, ativo tinyint(1) not null default 1, key (gtin)) engine=InnoDB
//
create table formas_pagamento (id int auto_increment primary key, descricao varchar(40) not null, tpag char(2) not null unique) engine=InnoDB
//
create table turnos (id int primary key, nome varchar(20) not null) engine=InnoDB
//
create table cupons (id bigint auto_increment primary key, filial smallint unsigned not null, data_venda date not null, hora_venda time not null, valor_bruto decimal(12,2) not null, valor_desconto decimal(12,2) not null default 0, valor_liquido decimal(12,2) not null, situacao enum('ATIVO','CANCELADO') not null default 'ATIVO', turno_id int not null, criado_em timestamp not null default current_timestamp, foreign key (filial) references filiais (cd_filial), foreign key (turno_id) references turnos (id)) engine=InnoDB
//
create table cupons_nfce (cupom_id bigint primary key, chave char(44) not null unique, serie smallint not null, numero int not null, protocolo varchar(17), foreign key (cupom_id) references cupons (id)) engine=InnoDB
//
create table cupons_itens (id bigint auto_increment primary key, cupom_id bigint not null, seq smallint not null, produto_id int unsigned not null, qtde decimal(12,3) not null, preco decimal(12,4) not null, total decimal(12,2) not null, foreign key (cupom_id) references cupons (id), foreign key (produto_id) references produtos (id)) engine=InnoDB
//
create table cupons_pagamentos (id bigint auto_increment primary key, cupom_id bigint not null, forma_id int not null, valor decimal(12,2) not null, troco decimal(12,2) not null default 0, foreign key (cupom_id) references cupons (id), foreign key (forma_id) references formas_pagamento (id)) engine=InnoDB
//
create table estoque_saldos (filial smallint unsigned not null, produto_id int unsigned not null, saldo decimal(14,3) not null default 0, primary key (filial, produto_id), foreign key (produto_id) references produtos (id), foreign key (filial) references filiais (cd_filial)) engine=InnoDB
//
create trigger confere before insert on cupons_itens for each row begin
 if (select count(*) from produtos where id = new.produto_id and ativo) = 0 then signal sqlstate '45000' set message_text = 'produto inativo ou sem cadastro'; end if; end
//
create trigger baixa after insert on cupons_itens for each row begin
 insert into estoque_saldos select c.filial, new.produto_id, -new.qtde from cupons c where c.id = new.cupom_id on duplicate key update saldo = saldo - new.qtde; end
//
create trigger volta after update on cupons for each row begin
 if new.situacao = 'CANCELADO' and old.situacao <> 'CANCELADO' then
  update estoque_saldos e join (select produto_id, sum(qtde) q from cupons_itens where cupom_id = new.id group by 1) i on i.produto_id = e.produto_id set e.saldo = e.saldo + i.q where e.filial = new.filial; end if; end
//
insert into filiais values (7,'CENTRO','11.222.333/0001-81')
//
insert into turnos values (1,'MANHA'),(2,'TARDE')
//
insert into formas_pagamento (descricao,tpag) values ('Dinheiro','01'),('Credito','03'),('Debito','04'),('Pix','17')
//
