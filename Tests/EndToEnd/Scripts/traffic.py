"""Writes one site's database like a busy program, and prints a line of JSON for every transaction whose commit
has returned. Ends when the file STOP is there. Between two it rests up to PAUSE seconds, 0.03 when nothing is said.

    traffic.py DATABASE SITE WRITER SEED STOP [PAUSE]

Every value is written once only, so that each can be found again:
  own      rows of this writer alone: inserted, counted up, deleted;
  shared   five rows of everybody, written with values that say who wrote them; read in the same transaction;
  booking  places of which there is one each (UNIQUE), with a note that refers to the booking.
"""
import json
import os
import random
import sqlite3
import sys
import time

database, site, writer, seed, stop = sys.argv[1:6]
pause = float(sys.argv[6]) if len(sys.argv) > 6 else 0.03
dice = random.Random(int(seed))
connection = sqlite3.connect(database, timeout=240, isolation_level=None)
connection.execute("PRAGMA foreign_keys = ON")
began = time.monotonic()
own = {}
count = 0


def fresh():
    global count
    count += 1
    return f"{writer}-{count}"


def write_own(said):
    for _ in range(dice.randint(1, 4)):
        choice = dice.random()
        if choice < 0.5 or not own:
            name = fresh()
            connection.execute("INSERT INTO own VALUES(?, 1, ?)", (name, "a note " * dice.randint(0, 30)))
            said["own"][name] = 1
        elif choice < 0.9:
            name = dice.choice(list(own))
            value = (said["own"].get(name) or own[name]) + 1
            if said["own"].get(name, 1) is None:
                continue
            connection.execute("UPDATE own SET value = ? WHERE id = ?", (value, name))
            said["own"][name] = value
        else:
            name = dice.choice(list(own))
            connection.execute("DELETE FROM own WHERE id = ?", (name,))
            said["own"][name] = None


def write_shared(said):
    row = dice.randint(1, 5)
    found = connection.execute("SELECT first, second FROM shared WHERE id = ?", (row,)).fetchone()
    value = fresh()
    if found is None:
        written = {"first": value + "f", "second": value + "s"}
        connection.execute("INSERT INTO shared VALUES(?, ?, ?)", (row, *written.values()))
    elif dice.random() < 0.1:
        written = {"first": None, "second": None}
        connection.execute("DELETE FROM shared WHERE id = ?", (row,))
    else:
        written = {dice.choice(["first", "second"]): value}
        connection.execute(f"UPDATE shared SET {list(written)[0]} = ? WHERE id = ?", (value, row))
    # What this database knows of everybody's change sets, and the order of commits within this site.
    seen = {str(replica): seq for replica, seq in connection.execute("SELECT replica, seq FROM samband_vector")}
    for column, value in written.items():
        read = None if found is None else found[0 if column == "first" else 1]
        said["shared"].append(
            {"row": row, "column": column, "value": value, "read": read, "site": site, "seen": seen,
             "at": time.monotonic_ns()})


def write_booking(said):
    place = int((time.monotonic() - began) * 2) * 4 + dice.randint(0, 3)
    name = fresh()
    connection.execute("INSERT INTO booking VALUES(?, ?)", (name, place))
    connection.execute("INSERT INTO booking_note VALUES(?, ?)", (name + "n", name))
    said["booked"] += [name, name + "n"]


while not os.path.exists(stop):
    said = {"own": {}, "shared": [], "booked": []}
    try:
        connection.execute("BEGIN IMMEDIATE")
        dice.choices([write_own, write_shared, write_booking], [6, 3, 1])[0](said)
        connection.execute("COMMIT")
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK")
        continue
    except sqlite3.OperationalError as error:
        # A disk is found full before the frame that commits is written.
        if "full" not in str(error):
            raise
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        time.sleep(0.05)
        continue
    own.update({name: value for name, value in said["own"].items() if value is not None})
    for name in [name for name, value in said["own"].items() if value is None]:
        own.pop(name, None)
    print(json.dumps(said), flush=True)
    time.sleep(dice.random() * pause)
