"""Whether every write that EndToEnd/Scripts/traffic.py was told is committed can be accounted for in the end: it is in
the tables, or was overwritten by one that had seen it, or is kept in a conflict or withheld."""
import json


def lost(fleet, logs):
    """What is nowhere, as lines of text; and how many transactions were acknowledged."""
    own, shared, booked, count = {}, [], set(), 0
    for log in logs:
        for text in log.read_text().splitlines():
            line = json.loads(text)
            count += 1
            own.update(line["own"])
            shared += line["shared"]
            booked.update(line["booked"])

    found = []
    standing = dict(row.split("|") for row in fleet.shell("hub", "SELECT id, value FROM own").splitlines())
    wanted = {name: str(value) for name, value in own.items() if value is not None}
    found += [f"own row {name}: {standing.get(name)} for {wanted.get(name)}"
              for name in sorted(standing.keys() | wanted.keys()) if standing.get(name) != wanted.get(name)]

    kept = strings(fleet.ask("hub", "conflict", "list", "--all")) | strings(fleet.ask("hub", "withheld", "list"))
    kept.update(fleet.shell("hub", "SELECT first FROM shared UNION SELECT second FROM shared UNION "
                                   "SELECT id FROM booking UNION SELECT id FROM booking_note").splitlines())
    found += [f"booking {name}" for name in sorted(booked - kept)]
    for row in sorted({write["row"] for write in shared}):
        writes = [write for write in shared if write["row"] == row]
        history = fleet.ask("hub", "history", "shared", str(row))
        for write in writes:
            if write["value"] is None or write["value"] in kept:
                continue
            change = next((entry["change"] for entry in history if write["value"] in strings(entry["values"])), None)
            if not any(knew(other, write, change) for other in writes):
                found.append(f"{write['column']} of row {row}: {write['value']}, change {change}")
    return found, count


def knew(later, earlier, change):
    """True when `later` wrote the same cell with knowledge of `earlier`, which travelled in `change`."""
    if later is earlier or later["column"] != earlier["column"]:
        return False
    if later["read"] is not None and later["read"] == earlier["value"]:
        return True
    if later["site"] == earlier["site"]:
        return later["at"] > earlier["at"]
    if change is None:
        return False
    replica, seq = change.split(":")
    return later["seen"].get(replica, 0) >= int(seq)


def strings(value):
    """All texts within a JSON value."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        value = value.values()
    return set().union(*map(strings, value)) if isinstance(value, (list, type({}.values()))) else set()
