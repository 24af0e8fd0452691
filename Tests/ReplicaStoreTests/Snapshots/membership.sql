CREATE TABLE samband_mark_1(mask INTEGER, k1, k2);

CREATE TRIGGER samband_1_before_insert BEFORE INSERT ON "membership"
WHEN NEW.rowid <> -1
    OR EXISTS (SELECT 1 FROM "membership" WHERE "a" = NEW."a" AND "b" = NEW."b")
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "a", "b" FROM "membership" WHERE rowid = NEW.rowid;
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 4611686018427387904 | 0, "a", "b" FROM "membership" WHERE "a" = NEW."a" AND "b" = NEW."b";
END;

CREATE TRIGGER samband_1_after_insert AFTER INSERT ON "membership"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (-1, NEW."a", NEW."b");
END;

CREATE TRIGGER samband_1_before_key_change BEFORE UPDATE OF "a", "b" ON "membership"
WHEN OLD."a" IS NOT NEW."a" OR OLD."b" IS NOT NEW."b"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "a", "b" FROM "membership" WHERE "a" = NEW."a" AND "b" = NEW."b";
END;

CREATE TRIGGER samband_1_before_rowid_change BEFORE UPDATE OF rowid, _rowid_, oid ON "membership"
WHEN OLD.rowid <> NEW.rowid
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "a", "b" FROM "membership" WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER samband_1_after_key_change AFTER UPDATE OF "a", "b" ON "membership"
WHEN OLD."a" IS NOT NEW."a" OR OLD."b" IS NOT NEW."b"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (0, OLD."a", OLD."b");
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (-1, NEW."a", NEW."b");
END;

CREATE TRIGGER samband_1_after_delete AFTER DELETE ON "membership"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (0, OLD."a", OLD."b");
END;

SELECT pending.first, row."a" IS NOT NULL, pending.mask, iif(row."a" IS NULL, pending.k1, row."a"), iif(row."a" IS NULL, pending.k2, row."b")
FROM (SELECT mark.mask AS first, min(CASE WHEN mark.mask BETWEEN 0 AND 4611686018427387903 AND (mark.mask > 0) THEN NULL ELSE mark.rowid END),
    samband_or(CASE WHEN mark.mask = -1 THEN ifnull(before.mask, -1) WHEN mark.mask < 4611686018427387904 THEN mark.mask END) AS mask,
    mark.k1 AS k1,
    mark.k2 AS k2
FROM samband_mark_1 AS mark
LEFT JOIN samband_mark_1 AS before
    ON before.rowid = CASE WHEN mark.mask = -1 THEN mark.rowid - 1 END
    AND before.mask >= 4611686018427387904 AND before.k1 = mark.k1 AND before.k2 = mark.k2
GROUP BY mark.k1, mark.k2) AS pending
LEFT JOIN "membership" AS row ON row."a" = pending.k1 AND row."b" = pending.k2;
