CREATE TABLE samband_mark_1(mask INTEGER, k1, k2 COLLATE NOCASE);

CREATE TRIGGER samband_1_before_insert BEFORE INSERT ON "bed_night"
WHEN EXISTS (SELECT 1 FROM "bed_night" WHERE "bed" = NEW."bed" AND "night" = NEW."night")
    OR EXISTS (SELECT 1 FROM "bed_night" WHERE "stay" = NEW."stay" AND "municipality" = coalesce(NEW."municipality", 'Steinkjer'))
    OR EXISTS (SELECT 1 FROM "bed_night" WHERE (lower(label)) = (SELECT lower(label) FROM (SELECT "bed", "night", "stay", "hours", "municipality", "label" FROM "bed_night" WHERE 0 UNION ALL SELECT NEW."bed", NEW."night", NEW."stay", NEW."hours", coalesce(NEW."municipality", 'Steinkjer'), NEW."label") AS "bed_night") COLLATE "BINARY" AND (hours > 12))
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "bed", "night" FROM "bed_night" WHERE "stay" = NEW."stay" AND "municipality" = coalesce(NEW."municipality", 'Steinkjer');
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "bed", "night" FROM "bed_night" WHERE (lower(label)) = (SELECT lower(label) FROM (SELECT "bed", "night", "stay", "hours", "municipality", "label" FROM "bed_night" WHERE 0 UNION ALL SELECT NEW."bed", NEW."night", NEW."stay", NEW."hours", coalesce(NEW."municipality", 'Steinkjer'), NEW."label") AS "bed_night") COLLATE "BINARY" AND (hours > 12);
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT CASE WHEN "night" IS NOT NEW."night" COLLATE BINARY THEN 0 ELSE 4611686018427387904 | CASE WHEN ("stay" IS NOT NEW."stay" OR "stay" < '' AND typeof("stay") <> typeof(NEW."stay")) THEN 1 ELSE 0 END | CASE WHEN "hours" IS NOT NEW."hours" THEN 2 ELSE 0 END | CASE WHEN "municipality" IS NOT NEW."municipality" THEN 4 ELSE 0 END END, "bed", "night" FROM "bed_night" WHERE "bed" = NEW."bed" AND "night" = NEW."night";
END;

CREATE TRIGGER samband_1_after_insert AFTER INSERT ON "bed_night"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (-1, NEW."bed", NEW."night");
END;

CREATE TRIGGER samband_1_before_key_change BEFORE UPDATE OF "bed", "night" ON "bed_night"
WHEN OLD."bed" IS NOT NEW."bed" OR OLD."night" IS NOT NEW."night" COLLATE BINARY
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "bed", "night" FROM "bed_night" WHERE "bed" = NEW."bed" AND "night" = NEW."night";
END;

CREATE TRIGGER samband_1_before_unique_change_1 BEFORE UPDATE OF "stay", "municipality" ON "bed_night"
WHEN (OLD."stay" IS NOT NEW."stay" OR OLD."stay" < '' AND typeof(OLD."stay") <> typeof(NEW."stay")) OR OLD."municipality" IS NOT NEW."municipality"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "bed", "night" FROM "bed_night" WHERE "stay" = NEW."stay" AND "municipality" = coalesce(NEW."municipality", 'Steinkjer') AND NOT ("bed" = OLD."bed" AND "night" = OLD."night");
END;

CREATE TRIGGER samband_1_before_unique_change_2 BEFORE UPDATE ON "bed_night"
WHEN OLD."bed" IS NOT NEW."bed" OR OLD."night" IS NOT NEW."night" COLLATE BINARY OR (OLD."stay" IS NOT NEW."stay" OR OLD."stay" < '' AND typeof(OLD."stay") <> typeof(NEW."stay")) OR OLD."hours" IS NOT NEW."hours" OR OLD."municipality" IS NOT NEW."municipality"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) SELECT 0, "bed", "night" FROM "bed_night" WHERE (lower(label)) = (SELECT lower(label) FROM (SELECT "bed", "night", "stay", "hours", "municipality", "label" FROM "bed_night" WHERE 0 UNION ALL SELECT NEW."bed", NEW."night", NEW."stay", NEW."hours", coalesce(NEW."municipality", 'Steinkjer'), NEW."label") AS "bed_night") COLLATE "BINARY" AND (hours > 12) AND NOT ("bed" = OLD."bed" AND "night" = OLD."night");
END;

CREATE TRIGGER samband_1_after_update AFTER UPDATE ON "bed_night"
WHEN NOT (OLD."bed" IS NOT NEW."bed" OR OLD."night" IS NOT NEW."night" COLLATE BINARY)
    AND ((OLD."stay" IS NOT NEW."stay" OR OLD."stay" < '' AND typeof(OLD."stay") <> typeof(NEW."stay")) OR OLD."hours" IS NOT NEW."hours" OR OLD."municipality" IS NOT NEW."municipality")
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (CASE WHEN (OLD."stay" IS NOT NEW."stay" OR OLD."stay" < '' AND typeof(OLD."stay") <> typeof(NEW."stay")) THEN 1 ELSE 0 END | CASE WHEN OLD."hours" IS NOT NEW."hours" THEN 2 ELSE 0 END | CASE WHEN OLD."municipality" IS NOT NEW."municipality" THEN 4 ELSE 0 END, NEW."bed", NEW."night");
END;

CREATE TRIGGER samband_1_after_key_change AFTER UPDATE OF "bed", "night" ON "bed_night"
WHEN OLD."bed" IS NOT NEW."bed" OR OLD."night" IS NOT NEW."night" COLLATE BINARY
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (0, OLD."bed", OLD."night");
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (-1, NEW."bed", NEW."night");
END;

CREATE TRIGGER samband_1_after_delete AFTER DELETE ON "bed_night"
BEGIN
    INSERT INTO samband_mark_1(mask, k1, k2) VALUES (0, OLD."bed", OLD."night");
END;

SELECT pending.first, row."bed" IS NOT NULL, pending.mask, iif(row."bed" IS NULL, pending.k1, row."bed"), iif(row."bed" IS NULL, pending.k2, row."night"), row."stay", row."hours", row."municipality"
FROM (SELECT mark.mask AS first, min(CASE WHEN mark.mask BETWEEN 0 AND 4611686018427387903 AND (mark.mask > 0) THEN NULL ELSE mark.rowid END),
    samband_or(CASE WHEN mark.mask = -1 THEN ifnull(before.mask, -1) WHEN mark.mask < 4611686018427387904 THEN mark.mask END) AS mask,
    mark.k1 AS k1,
    mark.k2 AS k2
FROM samband_mark_1 AS mark
LEFT JOIN samband_mark_1 AS before
    ON before.rowid = CASE WHEN mark.mask = -1 THEN mark.rowid - 1 END
    AND before.mask >= 4611686018427387904 AND before.k1 = mark.k1 AND before.k2 = mark.k2
GROUP BY mark.k1, mark.k2) AS pending
LEFT JOIN "bed_night" AS row ON row."bed" = pending.k1 AND row."night" = pending.k2;
