"""A guestbook: GET / lists what was written, POST / writes (name=…&text=…), GET /health says whether the database answers."""
import argparse
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pymysql

from page import render

TABLE = "CREATE TABLE IF NOT EXISTS entries (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL)"


def query(statement, *values):
    """The rows that a statement finds, in a connection and a transaction of its own."""
    connection = pymysql.connect(
        host=os.environ["DB_HOST"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        database=os.environ["DB_NAME"],
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


class Guestbook(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            query("SELECT 1")
            return self.answer(200, "fine\n")
        if self.path != "/":
            return self.answer(404, "there is only /\n")
        query(TABLE)
        entries = query("SELECT name, text FROM entries ORDER BY id")
        return self.answer(200, render(os.environ["GUESTBOOK_VERSION"], entries))

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if not form.keys() >= {"name", "text"}:
            return self.answer(400, "name and text are needed\n")
        query(TABLE)
        query("INSERT INTO entries (name, text) VALUES (%s, %s)", form["name"][0], form["text"][0])
        return self.answer(201, "written\n")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


arguments = argparse.ArgumentParser()
arguments.add_argument("--port", type=int, default=8000)
port = arguments.parse_args().port
print(f"listening on port {port}")
try:
    ThreadingHTTPServer(("", port), Guestbook).serve_forever()
except KeyboardInterrupt:
    print("the end")
