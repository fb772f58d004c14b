-- A retail ERP whose programs draw the numbers from sequences, whose sales are split by month, and whose stock its own triggers keep.
-- Made up for the tests; nothing in it was made for Malote.
create sequence sq_doc; create sequence sq_doc_item; create sequence sq_receb;
create table empresa (emp_id int primary key, emp_cnpj numeric(14) not null unique);
create table item_cad (ite_id int primary key, ite_barras varchar(14) unique, ite_cod varchar(10) unique, ite_desc varchar(50) not null);
create table cond_pag (cpg_id int primary key, cpg_nfce char(2) unique, cpg_desc varchar(30) not null);
create table documento (
 doc_id bigint not null, doc_emissao timestamp not null, emp_id int not null references empresa, doc_num int not null, doc_serie int not null,
 doc_vlr numeric(15,4) not null, doc_desc numeric(15,4), doc_cancel boolean not null default false, doc_especie char(2) not null, doc_competencia char(6) not null,
 primary key (doc_id, doc_emissao)) partition by range (doc_emissao);
create table documento_202610 partition of documento for values from ('2026-10-01') to ('2026-11-01');
create table documento_202611 partition of documento for values from ('2026-11-01') to ('2026-12-01');
create table documento_outros partition of documento default;
create table documento_nfe (doc_id bigint primary key, nfe_chave varchar(44) not null unique, nfe_prot varchar(20));
create table documento_item (dit_id bigint primary key, doc_id bigint not null, doc_emissao timestamp not null, dit_seq int not null, ite_id int not null references item_cad, dit_qtd numeric(15,4) not null, dit_unit numeric(15,4) not null, dit_total numeric(15,4) not null,
 foreign key (doc_id, doc_emissao) references documento);
create table recebimento (rec_id bigint primary key, doc_id bigint not null, doc_emissao timestamp not null, cpg_id int not null references cond_pag, rec_valor numeric(15,4) not null, rec_baixa date,
 foreign key (doc_id, doc_emissao) references documento);
create table estoque (emp_id int references empresa, ite_id int references item_cad, est_qtd numeric(15,4) not null default 0, primary key (emp_id, ite_id));
create function baixa() returns trigger language plpgsql as $$ begin
 update estoque e set est_qtd = est_qtd - new.dit_qtd from documento d where d.doc_id=new.doc_id and e.emp_id=d.emp_id and e.ite_id=new.ite_id;
 if not found then raise exception 'ITEM SEM SALDO CADASTRADO: %', new.ite_id using errcode='P0001'; end if; return new; end $$;
create trigger tr_baixa after insert on documento_item for each row execute function baixa();
create function volta() returns trigger language plpgsql as $$ begin
 if new.doc_cancel and not old.doc_cancel then update estoque e set est_qtd = est_qtd + i.q from (select ite_id, sum(dit_qtd) q from documento_item where doc_id=new.doc_id group by 1) i where e.ite_id=i.ite_id and e.emp_id=new.emp_id; end if; return new; end $$;
create trigger tr_volta after update on documento for each row execute function volta();
insert into empresa values (7, 11222333000181);
insert into cond_pag values (1,'01','DIN'),(2,'03','CRE'),(3,'04','DEB'),(4,'17','PIX');
