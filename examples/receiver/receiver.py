#!/usr/bin/env python3
"""usage: receiver.py [--rebuild]

Receives Spendhook's events: verifies each one, books each charge once, asks for the ones that are missing,
and knows to the nano-dollar what every customer has spent. Needs nothing but Python 3.9.

  --rebuild   read all events from Spendhook first: for a receiver that has lost its database
  --help      print this text

Environment:
  PORT            where to listen on this machine (4010)
  SPENDHOOK_URL   where to ask for missing events (http://127.0.0.1:4000)
  MASTER_KEY      Spendhook's operator key (sk-1234)
  ENDPOINT_ID     the webhook endpoint that delivers here (default)
  WEBHOOK_SECRET  its signing secret (unset: Spendhook is asked for it)
  RECEIVER_DB     the SQLite file to keep the books in (receiver.db)
"""

import base64
import decimal
import functools
import hmac
import http.server
import json
import os
import re
import sqlite3
import sys
import threading
import time
import urllib.parse
import urllib.request

PAGE = 1000
LOOK_FOR_GAPS_SECONDS = 2
TOLERANCE = 300
MAX_BODY = 4 * 1024 * 1024
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT, customer TEXT, sequence INTEGER);
CREATE INDEX IF NOT EXISTS charges ON events (customer, sequence);
CREATE TABLE IF NOT EXISTS customers (  -- amounts are whole nano-dollars, which add up exactly
  id TEXT PRIMARY KEY, spent_nano INTEGER, through INTEGER, highest INTEGER);
"""


def setting(name, otherwise):
    return os.environ.get(name) or otherwise


class Books:
    """What has been received, in one file; what is booked survives a crash."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False)
        self.db.executescript(SCHEMA)

    def book(self, event):
        """Books an event once; answers what its customer has spent and whether charges are missing."""
        customer, sequence = event.get("customer_id") or "", event.get("sequence")
        # One transaction: the event's id and what it changes are there together, or neither is.
        with self.lock, self.db:
            row = (event["id"], event["type"], customer, sequence)
            if self.db.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", row).rowcount == 0:
                return None
            if event["type"] != "spend_tracked":
                return 0, False
            nano = int(decimal.Decimal(event["spend"]).scaleb(9))
            self.db.execute("INSERT OR IGNORE INTO customers VALUES (?, 0, 0, 0)", (customer,))
            find = "SELECT spent_nano, through, highest FROM customers WHERE id = ?"
            spent, through, highest = self.db.execute(find, (customer,)).fetchone()
            spent, highest = spent + nano, max(highest, sequence)
            while self.has(customer, through + 1):
                through += 1
            change = "UPDATE customers SET spent_nano = ?, through = ?, highest = ? WHERE id = ?"
            self.db.execute(change, (spent, through, highest, customer))
            return spent, through < highest

    def has(self, customer, sequence):
        find = "SELECT 1 FROM events WHERE customer = ? AND sequence = ? AND type = 'spend_tracked'"
        return self.db.execute(find, (customer, sequence)).fetchone() is not None

    def gaps(self):
        """Customers with a gap, and the last charge before it."""
        with self.lock:
            return dict(self.db.execute("SELECT id, through FROM customers WHERE through < highest"))


def receive(event):
    booked = books.book(event)
    if booked is None:
        print(f"duplicate {event['id']}: already counted", flush=True)
        return None
    if event["type"] == "spend_tracked":
        spend, total = decimal.Decimal(event["spend"]), decimal.Decimal(booked[0]).scaleb(-9).normalize()
        what = f"{event['customer_id']} spent {spend:f}, {total:f} in total"
    else:
        what = event["type"]
    print(f"verified {event['id']}: {what}", flush=True)
    return booked


def fill_gaps():
    """Charges overtake each other by moments: what is still missing at the next look is a gap."""
    before = {}
    while True:
        time.sleep(LOOK_FOR_GAPS_SECONDS)
        try:
            gaps = books.gaps()
            for customer, through in gaps.items():
                if before.get(customer) != through:
                    continue
                print(f"gap: {customer} has no charge {through + 1}, asking for it", flush=True)
                for event in pull(f"/customer/{urllib.parse.quote(customer, safe='')}/events", through):
                    booked = receive(event)
                    if booked is not None and not booked[1]:
                        break
            before = gaps
        except OSError as error:
            print(f"gaps are not filled yet: {error}", file=sys.stderr, flush=True)


def pull(path, after=None):
    """Events after this sequence number (none: from the beginning), page by page to the end."""
    while True:
        query = {"limit": PAGE, **({} if after is None else {"after": after})}
        page = ask(f"{path}?{urllib.parse.urlencode(query)}")
        yield from page["data"]
        after = page["next_cursor"]
        if len(page["data"]) < PAGE or after is None:
            return


def ask(path):
    headers = {"Authorization": f"Bearer {setting('MASTER_KEY', 'sk-1234')}"}
    url = setting("SPENDHOOK_URL", "http://127.0.0.1:4000") + path
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=15) as answer:
        return parse(answer.read())


def parse(text):
    """Amounts as they are written: a binary float would round them."""
    return json.loads(text, parse_float=decimal.Decimal)


@functools.lru_cache(maxsize=1)
def signing_key():
    endpoint = urllib.parse.quote(setting("ENDPOINT_ID", "default"), safe="")
    secret = setting("WEBHOOK_SECRET", "") or ask(f"/webhook/endpoints/{endpoint}/secret")["secret"]
    return base64.b64decode(secret.split("_", 1)[-1])


def fault_of(headers, body):
    """Standard Webhooks: why these bytes are not Spendhook's; None when they are."""
    event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if re.fullmatch("[0-9]{1,12}", timestamp) is None or abs(time.time() - int(timestamp)) > TOLERANCE:
        return "its timestamp is not of these minutes"
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(signing_key(), signed, "sha256"))
    signatures = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures):
        return "no signature matches"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self):
        try:
            self.answer(self.handle_event())
        except Exception as error:  # Whatever it was, Spendhook sends the event again later.
            print(f"not received: {error}", file=sys.stderr, flush=True)
            self.answer(500)

    def handle_event(self):
        length = self.headers.get("content-length", "")
        if re.fullmatch("[0-9]{1,9}", length) is None or int(length) > MAX_BODY:
            self.close_connection = True
            return 413
        body = self.rfile.read(int(length))
        # The signature covers the bytes as they came: verify before parsing.
        fault = fault_of(self.headers, body)
        if fault is not None:
            print(f"refused: {fault}", file=sys.stderr, flush=True)
            return 400
        event = parse(body)
        # An endpoint with `coalesce` gets charges together.
        for one in event["events"] if event["type"] == "spend_tracked.batch" else [event]:
            receive(one)
        print(body.decode(), flush=True)
        return 204  # 2xx ends the delivery: only now, when everything is booked.

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if "--help" in sys.argv or "-h" in sys.argv:
        sys.exit(print(__doc__.strip()))
    if sys.argv[1:] not in ([], ["--rebuild"]):
        sys.exit(f"{sys.argv[0]}: unknown argument; see --help")
    books = Books(setting("RECEIVER_DB", "receiver.db"))
    if "--rebuild" in sys.argv:
        for each in pull("/events"):
            receive(each)
        print("Rebuilt from all events", flush=True)
    http.server.ThreadingHTTPServer.request_queue_size = 128
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(setting("PORT", "4010"))), Handler)
    print(f"Receiver listens on http://127.0.0.1:{server.server_port}/webhook", flush=True)
    threading.Thread(target=fill_gaps, daemon=True).start()
    server.serve_forever()
