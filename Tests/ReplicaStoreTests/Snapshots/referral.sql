CREATE TABLE samband_mark_1(mask INTEGER, k1);

CREATE TRIGGER samband_1_before_insert BEFORE INSERT ON "referral"
WHEN NEW.rowid <> -1
    OR EXISTS (SELECT 1 FROM "referral" WHERE "id" = NEW."id")
BEGIN
    INSERT INTO samband_mark_1(mask, k1) SELECT 0, "id" FROM "referral" WHERE rowid = NEW.rowid;
    INSERT INTO samband_mark_1(mask, k1) SELECT CASE WHEN ("id" IS NOT NEW."id" OR "id" < '' AND typeof("id") <> typeof(NEW."id")) THEN 0 ELSE 4611686018427387904 | CASE WHEN ("patient" IS NOT NEW."patient" OR "patient" < '' AND typeof("patient") <> typeof(NEW."patient")) THEN 1 ELSE 0 END | CASE WHEN "from_unit" IS NOT NEW."from_unit" THEN 2 ELSE 0 END | CASE WHEN "to_unit" IS NOT NEW."to_unit" THEN 4 ELSE 0 END | CASE WHEN "status" IS NOT NEW."status" THEN 8 ELSE 0 END | CASE WHEN ("priority" IS NOT NEW."priority" OR "priority" = -9223372036854775808 AND typeof("priority") <> typeof(NEW."priority")) THEN 16 ELSE 0 END | CASE WHEN "received" IS NOT NEW."received" THEN 32 ELSE 0 END | CASE WHEN "note" IS NOT NEW."note" THEN 64 ELSE 0 END | CASE WHEN "weight" IS NOT NEW."weight" THEN 128 ELSE 0 END END, "id" FROM "referral" WHERE "id" = NEW."id";
END;

CREATE TRIGGER samband_1_after_insert AFTER INSERT ON "referral"
BEGIN
    INSERT INTO samband_mark_1(mask, k1) VALUES (-1, NEW."id");
END;

CREATE TRIGGER samband_1_before_key_change BEFORE UPDATE OF "id" ON "referral"
WHEN (OLD."id" IS NOT NEW."id" OR OLD."id" < '' AND typeof(OLD."id") <> typeof(NEW."id"))
BEGIN
    INSERT INTO samband_mark_1(mask, k1) SELECT 0, "id" FROM "referral" WHERE "id" = NEW."id";
END;

CREATE TRIGGER samband_1_before_rowid_change BEFORE UPDATE OF rowid, _rowid_, oid ON "referral"
WHEN OLD.rowid <> NEW.rowid
BEGIN
    INSERT INTO samband_mark_1(mask, k1) SELECT 0, "id" FROM "referral" WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER samband_1_after_update AFTER UPDATE ON "referral"
WHEN NOT ((OLD."id" IS NOT NEW."id" OR OLD."id" < '' AND typeof(OLD."id") <> typeof(NEW."id")))
    AND ((OLD."patient" IS NOT NEW."patient" OR OLD."patient" < '' AND typeof(OLD."patient") <> typeof(NEW."patient")) OR OLD."from_unit" IS NOT NEW."from_unit" OR OLD."to_unit" IS NOT NEW."to_unit" OR OLD."status" IS NOT NEW."status" OR (OLD."priority" IS NOT NEW."priority" OR OLD."priority" = -9223372036854775808 AND typeof(OLD."priority") <> typeof(NEW."priority")) OR OLD."received" IS NOT NEW."received" OR OLD."note" IS NOT NEW."note" OR OLD."weight" IS NOT NEW."weight")
BEGIN
    INSERT INTO samband_mark_1(mask, k1) VALUES (CASE WHEN (OLD."patient" IS NOT NEW."patient" OR OLD."patient" < '' AND typeof(OLD."patient") <> typeof(NEW."patient")) THEN 1 ELSE 0 END | CASE WHEN OLD."from_unit" IS NOT NEW."from_unit" THEN 2 ELSE 0 END | CASE WHEN OLD."to_unit" IS NOT NEW."to_unit" THEN 4 ELSE 0 END | CASE WHEN OLD."status" IS NOT NEW."status" THEN 8 ELSE 0 END | CASE WHEN (OLD."priority" IS NOT NEW."priority" OR OLD."priority" = -9223372036854775808 AND typeof(OLD."priority") <> typeof(NEW."priority")) THEN 16 ELSE 0 END | CASE WHEN OLD."received" IS NOT NEW."received" THEN 32 ELSE 0 END | CASE WHEN OLD."note" IS NOT NEW."note" THEN 64 ELSE 0 END | CASE WHEN OLD."weight" IS NOT NEW."weight" THEN 128 ELSE 0 END, NEW."id");
END;

CREATE TRIGGER samband_1_after_key_change AFTER UPDATE OF "id" ON "referral"
WHEN (OLD."id" IS NOT NEW."id" OR OLD."id" < '' AND typeof(OLD."id") <> typeof(NEW."id"))
BEGIN
    INSERT INTO samband_mark_1(mask, k1) VALUES (0, OLD."id");
    INSERT INTO samband_mark_1(mask, k1) VALUES (-1, NEW."id");
END;

CREATE TRIGGER samband_1_after_delete AFTER DELETE ON "referral"
BEGIN
    INSERT INTO samband_mark_1(mask, k1) VALUES (0, OLD."id");
END;

SELECT pending.first, row."id" IS NOT NULL, pending.mask, iif(row."id" IS NULL, pending.k1, row."id"), row."patient", row."from_unit", row."to_unit", row."status", row."priority", row."received", row."note", row."weight"
FROM (SELECT mark.mask AS first, min(CASE WHEN mark.mask BETWEEN 0 AND 4611686018427387903 AND (mark.mask > 0) THEN NULL ELSE mark.rowid END),
    samband_or(CASE WHEN mark.mask = -1 THEN ifnull(before.mask, -1) WHEN mark.mask < 4611686018427387904 THEN mark.mask END) AS mask,
    mark.k1 AS k1
FROM samband_mark_1 AS mark
LEFT JOIN samband_mark_1 AS before
    ON before.rowid = CASE WHEN mark.mask = -1 THEN mark.rowid - 1 END
    AND before.mask >= 4611686018427387904 AND before.k1 = mark.k1
GROUP BY mark.k1) AS pending
LEFT JOIN "referral" AS row ON row."id" = pending.k1;
