DELIMITER //

CREATE TABLE produto (
  id INT AUTO_INCREMENT PRIMARY KEY, codigo VARCHAR(60) NOT NULL UNIQUE, saldo DECIMAL(15,4) NOT NULL DEFAULT 0
) ENGINE=InnoDB//

CREATE TABLE venda (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, chave CHAR(44) NOT NULL UNIQUE, emissao DATETIME NOT NULL,
  total DECIMAL(15,2) NOT NULL, troco DECIMAL(15,2) NOT NULL, protocolo VARCHAR(20), situacao CHAR(1) NOT NULL DEFAULT 'A'
) ENGINE=InnoDB//

CREATE TABLE venda_item (
  venda_id BIGINT NOT NULL, numero INT NOT NULL, produto_id INT NOT NULL, qtd DECIMAL(15,4) NOT NULL,
  unitario DECIMAL(21,10) NOT NULL, total DECIMAL(15,2) NOT NULL, PRIMARY KEY (venda_id, numero),
  FOREIGN KEY (venda_id) REFERENCES venda (id), FOREIGN KEY (produto_id) REFERENCES produto (id)
) ENGINE=InnoDB//

CREATE TABLE venda_pagamento (
  id BIGINT AUTO_INCREMENT PRIMARY KEY, venda_id BIGINT NOT NULL, forma CHAR(2) NOT NULL, valor DECIMAL(15,2) NOT NULL,
  FOREIGN KEY (venda_id) REFERENCES venda (id)
) ENGINE=InnoDB//

CREATE PROCEDURE importar_venda(IN documento JSON, OUT numero BIGINT)
BEGIN
  DECLARE falta, palavras VARCHAR(200);
  SELECT MIN(i.codigo) INTO falta
    FROM JSON_TABLE(documento, '$.items[*]' COLUMNS (codigo VARCHAR(60) PATH '$.product_code')) i
    LEFT JOIN produto p ON p.codigo = i.codigo WHERE p.id IS NULL;
  IF falta IS NOT NULL THEN
    SET palavras = CONCAT('produto sem cadastro: ', falta);
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = palavras;
  END IF;
  INSERT INTO venda (chave, emissao, total, troco, protocolo)
  VALUES (JSON_VALUE(documento, '$.access_key'),
          STR_TO_DATE(LEFT(JSON_VALUE(documento, '$.issued_at'), 19), '%Y-%m-%dT%H:%i:%s'),
          JSON_VALUE(documento, '$.total'), JSON_VALUE(documento, '$.change'),
          JSON_VALUE(documento, '$.protocol.number'));
  SET numero = LAST_INSERT_ID();
  INSERT INTO venda_item (venda_id, numero, produto_id, qtd, unitario, total)
  SELECT numero, i.numero, p.id, i.qtd, i.unitario, i.total
    FROM JSON_TABLE(documento, '$.items[*]' COLUMNS (
           numero INT PATH '$.number', codigo VARCHAR(60) PATH '$.product_code', qtd DECIMAL(15,4) PATH '$.quantity',
           unitario DECIMAL(21,10) PATH '$.unit_price', total DECIMAL(15,2) PATH '$.gross')) i
    JOIN produto p ON p.codigo = i.codigo;
  INSERT INTO venda_pagamento (venda_id, forma, valor)
  SELECT numero, p.forma, p.valor
    FROM JSON_TABLE(documento, '$.payments[*]' COLUMNS (
           forma CHAR(2) PATH '$.method', valor DECIMAL(15,2) PATH '$.amount')) p;
  UPDATE produto p JOIN (SELECT produto_id, SUM(qtd) AS qtd FROM venda_item WHERE venda_id = numero GROUP BY produto_id) v
      ON v.produto_id = p.id SET p.saldo = p.saldo - v.qtd;
END//

CREATE PROCEDURE importar_lote(IN lote JSON)
BEGIN
  DECLARE lugar INT DEFAULT 0;
  DECLARE documento LONGTEXT;
  DECLARE resposta JSON DEFAULT '[]';
  DECLARE estado CHAR(5);
  DECLARE palavras VARCHAR(200);
  DECLARE numero BIGINT;
  WHILE lugar < JSON_LENGTH(lote) DO
    SET documento = JSON_EXTRACT(lote, CONCAT('$[', lugar, ']')), numero = NULL, estado = '', palavras = NULL;
    BEGIN
      -- Only what this ERP itself says no to. Locks and deadlocks are Malote's to try again: no SQLEXCEPTION here.
      DECLARE EXIT HANDLER FOR SQLSTATE '45000', SQLSTATE '45001'
      BEGIN
        GET DIAGNOSTICS CONDITION 1 estado = RETURNED_SQLSTATE, palavras = MESSAGE_TEXT;
        ROLLBACK TO SAVEPOINT um_documento;
      END;
      SAVEPOINT um_documento;
      CALL importar_venda(documento, numero);
    END;
    SET resposta = JSON_ARRAY_APPEND(resposta, '$', JSON_OBJECT(
          'identity', JSON_VALUE(documento, '$.identity'), 'id', numero, 'words', palavras,
          'answer', CASE estado WHEN '45000' THEN 'refused' WHEN '45001' THEN 'wait' ELSE 'booked' END));
    SET lugar = lugar + 1;
  END WHILE;
  SELECT * FROM JSON_TABLE(resposta, '$[*]' COLUMNS (
    identity VARCHAR(120) PATH '$.identity', answer VARCHAR(10) PATH '$.answer',
    id BIGINT PATH '$.id', words VARCHAR(200) PATH '$.words')) r;
END//

CREATE PROCEDURE cancelar_venda(IN numero BIGINT)
BEGIN
  UPDATE venda SET situacao = 'C' WHERE id = numero;
  UPDATE produto p JOIN (SELECT produto_id, SUM(qtd) AS qtd FROM venda_item WHERE venda_id = numero GROUP BY produto_id) v
      ON v.produto_id = p.id SET p.saldo = p.saldo + v.qtd;
END//

DELIMITER ;
