-- A retail ERP as those that grew up on Oracle look, on PostgreSQL: names cut short, numbers from sequences, foreign keys only
-- where somebody thought of them. Made up for the tests; nothing in it was made for Malote.
create table tb_emp (cod_emp numeric(4) primary key, cnpj_emp varchar(18) not null unique, nm_emp varchar(60));
create table tb_fin (cod_fin numeric(3) primary key, tp_fis char(2) not null unique, ds_fin varchar(30) not null);
create table tb_prd (cod_prd numeric(10) primary key, cod_ean varchar(14), ds_prd varchar(80) not null, fl_ativo char(1) not null default 'S');
create sequence sq_cup;
create table tb_cup_cab (
  id_cup numeric(12) not null default nextval('sq_cup') primary key, cod_emp numeric(4) not null references tb_emp,
  nr_cup numeric(9) not null, nr_ser numeric(3) not null, nr_pdv numeric(3) not null, chv_nfce varchar(44) not null unique,
  dt_emis timestamp not null, vl_brt numeric(13,2) not null, vl_dsc numeric(13,2) not null default 0, vl_liq numeric(13,2) not null,
  st_cup char(1) not null check (st_cup in ('N', 'X')), nr_prot varchar(20), cod_oper numeric(6) not null, dt_incl timestamp not null default now()
);
create table tb_cup_ite (
  id_cup numeric(12) not null, nr_seq numeric(4) not null, cod_prd numeric(10) not null references tb_prd,
  qt_prd numeric(13,3) not null, vl_unit numeric(13,4) not null, vl_tot numeric(13,2) not null, cd_cfop char(4) not null, primary key (id_cup, nr_seq)
);
create table tb_cup_pag (
  id_cup numeric(12) not null references tb_cup_cab, nr_seq numeric(3) not null, cod_fin numeric(3) not null references tb_fin,
  vl_pag numeric(13,2) not null, vl_trc numeric(13,2) not null default 0, primary key (id_cup, nr_seq)
);
create sequence sq_mov;
create table tb_mov_est (
  id_mov numeric(12) not null default nextval('sq_mov') primary key, cod_emp numeric(4) not null, cod_prd numeric(10) not null references tb_prd,
  tp_mov char(1) not null check (tp_mov in ('S', 'E')), qt_mov numeric(13,3) not null check (qt_mov > 0), id_cup numeric(12), dt_mov timestamp not null
);
create function fn_prd_ativo() returns trigger language plpgsql as $$ begin
  if not exists (select 1 from tb_prd where cod_prd = new.cod_prd and fl_ativo = 'S') then
    raise exception 'ERP-20001: produto % inativo', new.cod_prd; end if;
  return new; end $$;
create trigger tr_prd_ativo before insert on tb_cup_ite for each row execute function fn_prd_ativo();
insert into tb_emp values (1, '11.222.333/0001-81', 'CENTRO');
insert into tb_fin values (1, '01', 'DINHEIRO'), (2, '03', 'CREDITO'), (3, '04', 'DEBITO'), (4, '17', 'PIX');
