CREATE TABLE samband_mark_1(mask INTEGER, k1, k2 COLLATE NOCASE, b_3 INTEGER, b_5 INTEGER);

CREATE TRIGGER samband_1_before_insert BEFORE INSERT ON "stock"
WHEN NEW.rowid <> -1
    OR EXISTS (SELECT 1 FROM "stock" WHERE "store" = NEW."store" AND "item" = NEW."item")
    OR EXISTS (SELECT 1 FROM "stock" WHERE "store" = NEW."store" AND "shelf" = NEW."shelf")
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) SELECT 0, "store", "item", "pieces", "reserved" FROM "stock" WHERE rowid = NEW.rowid;
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) SELECT 0, "store", "item", "pieces", "reserved" FROM "stock" WHERE "store" = NEW."store" AND "shelf" = NEW."shelf";
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) SELECT CASE WHEN "item" IS NOT NEW."item" COLLATE BINARY THEN 0 ELSE 4611686018427387904 | CASE WHEN "pieces" IS NOT NEW."pieces" THEN 1 ELSE 0 END | CASE WHEN "shelf" IS NOT NEW."shelf" THEN 2 ELSE 0 END | CASE WHEN "reserved" IS NOT NEW."reserved" THEN 4 ELSE 0 END END, "store", "item", "pieces", "reserved" FROM "stock" WHERE "store" = NEW."store" AND "item" = NEW."item";
END;

CREATE TRIGGER samband_1_after_insert AFTER INSERT ON "stock"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (-1, NEW."store", NEW."item");
END;

CREATE TRIGGER samband_1_before_key_change BEFORE UPDATE OF "store", "item" ON "stock"
WHEN OLD."store" IS NOT NEW."store" OR OLD."item" IS NOT NEW."item" COLLATE BINARY
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) SELECT 0, "store", "item", "pieces", "reserved" FROM "stock" WHERE "store" = NEW."store" AND "item" = NEW."item";
END;

CREATE TRIGGER samband_1_before_rowid_change BEFORE UPDATE OF rowid, _rowid_, oid ON "stock"
WHEN OLD.rowid <> NEW.rowid
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) SELECT 0, "store", "item", "pieces", "reserved" FROM "stock" WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER samband_1_before_unique_change_1 BEFORE UPDATE OF "store", "shelf" ON "stock"
WHEN OLD."store" IS NOT NEW."store" OR OLD."shelf" IS NOT NEW."shelf"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) SELECT 0, "store", "item", "pieces", "reserved" FROM "stock" WHERE "store" = NEW."store" AND "shelf" = NEW."shelf" AND NOT ("store" = OLD."store" AND "item" = OLD."item");
END;

CREATE TRIGGER samband_1_after_update AFTER UPDATE ON "stock"
WHEN NOT (OLD."store" IS NOT NEW."store" OR OLD."item" IS NOT NEW."item" COLLATE BINARY)
    AND (OLD."pieces" IS NOT NEW."pieces" OR OLD."shelf" IS NOT NEW."shelf" OR OLD."reserved" IS NOT NEW."reserved")
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) VALUES (CASE WHEN OLD."pieces" IS NOT NEW."pieces" THEN 1 ELSE 0 END | CASE WHEN OLD."shelf" IS NOT NEW."shelf" THEN 2 ELSE 0 END | CASE WHEN OLD."reserved" IS NOT NEW."reserved" THEN 4 ELSE 0 END, NEW."store", NEW."item", OLD."pieces", OLD."reserved");
END;

CREATE TRIGGER samband_1_after_key_change AFTER UPDATE OF "store", "item" ON "stock"
WHEN OLD."store" IS NOT NEW."store" OR OLD."item" IS NOT NEW."item" COLLATE BINARY
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) VALUES (0, OLD."store", OLD."item", OLD."pieces", OLD."reserved");
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (-1, NEW."store", NEW."item");
END;

CREATE TRIGGER samband_1_after_delete AFTER DELETE ON "stock"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2, b_3, b_5) VALUES (0, OLD."store", OLD."item", OLD."pieces", OLD."reserved");
END;

SELECT pending.first, row."store" IS NOT NULL, pending.mask, iif(row."store" IS NULL, pending.k1, row."store"), iif(row."store" IS NULL, pending.k2, row."item"), row."pieces", row."shelf", row."reserved", before.b_3, before.b_5
FROM (SELECT mark.mask AS first, min(CASE WHEN mark.mask BETWEEN 0 AND 4611686018427387903 AND (mark.mask > 0) THEN NULL ELSE mark.rowid END),
    samband_or(CASE WHEN mark.mask = -1 THEN ifnull(before.mask, -1) WHEN mark.mask < 4611686018427387904 THEN mark.mask END) AS mask,
    mark.k1 AS k1,
    mark.k2 AS k2
FROM samband_mark_1 AS mark
LEFT JOIN samband_mark_1 AS before
    ON before.rowid = CASE WHEN mark.mask = -1 THEN mark.rowid - 1 END
    AND before.mask >= 4611686018427387904 AND before.k1 = mark.k1 AND before.k2 = mark.k2
GROUP BY mark.k1, mark.k2) AS pending
LEFT JOIN "stock" AS row ON row."store" = pending.k1 AND row."item" = pending.k2
LEFT JOIN (SELECT min(mark.rowid), mark.b_3 AS b_3, mark.b_5 AS b_5, mark.k1 AS k1, mark.k2 AS k2
    FROM samband_mark_1 AS mark GROUP BY mark.k1, mark.k2) AS before ON before.k1 = pending.k1 AND before.k2 = pending.k2;
