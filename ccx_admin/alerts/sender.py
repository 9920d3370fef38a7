"""One thread of the panel's process that looks what is wrong, tells it once, and says when it is over.

What is told is kept in SQLite (``alerts``: what is wrong and known; ``deliveries``: each message to each receiver), so
that a restart tells nothing twice and loses no message. Where the log cannot be written, it works from memory.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from flask import Flask, current_app

from ccx_addons.core.config import Alert
from ccx_addons.core.ids import uuid7
from ccx_addons.io import webhook
from ccx_addons.io.webhook import Message, Told
from ccx_admin.alerts.conditions import Condition, conditions
from ccx_admin.db import DatabaseUnavailable
from ccx_admin.panel import Panel

log: Final = logging.getLogger("ccx")

EVERY: Final = 5.0
"""Seconds between two looks."""
CALM: Final = 120.0
"""Seconds for which something must be well before it counts as over: what comes and goes is told once."""
WAITS: Final = (10.0, 60.0, 300.0, 1800.0)
"""Seconds before each further try."""
PATIENCE: Final = 2.0
"""Seconds that a round waits for one receiver; one that takes longer is told beside it, and holds up nobody."""
KEPT: Final = 1_000
"""Deliveries that are kept."""

EXTENSION: Final = "ccx_alerts"

type Send = Callable[[Alert, Message, float], Told]


@dataclass(slots=True)
class Known:
    """Something that was told. ``seen``: Unix seconds when it was wrong last."""

    condition: Condition
    since: float
    seen: float


@dataclass(slots=True)
class Waiting:
    """A message to one receiver. ``due``: Unix seconds of the next try."""

    alert: str
    message: Message
    due: float
    tries: int = 0


class Sender:
    def __init__(self, panel: Panel, send: Send = webhook.send) -> None:
        self.panel, self.send = panel, send
        self.known: dict[str, Known] = {}
        self.waiting: dict[tuple[str, str], Waiting] = {}
        """By the message and its receiver."""
        self.telling: dict[str, threading.Thread] = {}
        """By the receiver: who tells it what is due."""
        self.loaded = False

    # ---- the thread -------------------------------------------------------------------------------------------------
    def start(self) -> None:
        threading.Thread(target=self.run, name="ccx-alerts", daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                self.round()
            except Exception:
                log.exception("looking for what to tell failed")
            threading.Event().wait(EVERY)

    def round(self) -> None:
        """One look, and the messages that are due."""
        if not self.panel.store.leads:  # another gateway's panel tells, and knows what was told
            self.known.clear()
            self.waiting.clear()
            self.loaded = False
            return
        alerts = {alert.name: alert for alert in self.panel.snapshot().alerts if alert.enabled}
        if not alerts and not self.known and not self.waiting:
            return
        if not self.loaded:
            self.load()
        self.look(alerts.values())
        self.deliver(alerts)

    # ---- looking ----------------------------------------------------------------------------------------------------
    def look(self, alerts: Iterable[Alert]) -> None:
        now = self.panel.clock()
        try:
            found = {one.key: one for one in conditions(self.panel)}
        except DatabaseUnavailable:
            return
        for key, condition in found.items():
            if key in self.known:
                self.known[key].seen = now
            else:
                self.known[key] = Known(condition, now, now)
                self.keep_known(key)
                self.tell(alerts, condition, "firing")
        for known in self.known.values():
            known.seen = min(known.seen, now)
        for key in [key for key, known in self.known.items() if now - known.seen >= CALM]:
            self.tell(alerts, self.known.pop(key).condition, "resolved")
            self.panel.store.remove("alerts", {"key": key})

    def tell(self, alerts: Iterable[Alert], condition: Condition, state: str) -> None:
        text = condition.text if state == "firing" else ""
        now = self.panel.clock()
        message = Message(uuid7(now), condition.event, state, condition.subject, text, now)
        for alert in alerts:
            if condition.event in alert.events:
                self.put(alert, message)

    def put(self, alert: Alert, message: Message) -> None:
        waiting = Waiting(alert.name, message, self.panel.clock())
        self.waiting[message.id, alert.name] = waiting
        self.keep(waiting, "waiting")

    # ---- sending ----------------------------------------------------------------------------------------------------
    def deliver(self, alerts: Mapping[str, Alert]) -> None:
        now = self.panel.clock()
        due: dict[str, list[tuple[str, str]]] = {}
        for place, waiting in list(self.waiting.items()):
            if waiting.alert not in alerts:
                del self.waiting[place]
                self.keep(waiting, "dropped", Told(False, words="there is no such receiver any more"))
            elif waiting.due <= now or waiting.due > now + WAITS[-1]:  # else the clock was set back
                due.setdefault(waiting.alert, []).append(place)
        for name, places in due.items():
            if (before := self.telling.get(name)) is None or not before.is_alive():
                tells = threading.Thread(target=self.tell_one, args=(alerts[name], places), daemon=True)
                self.telling[name] = tells
                tells.start()
                tells.join(PATIENCE)

    def tell_one(self, alert: Alert, places: Iterable[tuple[str, str]]) -> None:
        """A receiver what is due for it, one after the other."""
        try:
            for place in places:
                if waiting := self.waiting.get(place):
                    self.attempt(place, waiting, alert)
        except Exception:
            log.exception("telling %s failed", alert.name)

    def attempt(self, place: tuple[str, str], waiting: Waiting, alert: Alert) -> None:
        told = self.send(alert, waiting.message, time.time())
        told = replace(told, words=self.panel.secrets().clean(told.words))
        waiting.tries += 1
        if told.ok or not told.again or waiting.tries > len(WAITS):
            self.waiting.pop(place, None)
            self.keep(waiting, "told" if told.ok else "failed", told)
            if not told.ok:
                log.warning("the alert for %s could not be told: %s %s", alert.name, told.status or "", told.words)
        else:
            waiting.due = self.panel.clock() + WAITS[waiting.tries - 1]
            self.keep(waiting, "waiting", told)

    def test(self, alert: Alert) -> Told:
        """One message now, in the caller's thread."""
        now = self.panel.clock()
        message = Message(uuid7(now), "test", "test", f"a test of {alert.name}", "It works.", now)
        waiting = Waiting(alert.name, message, now, 1)
        told = self.send(alert, message, time.time())
        told = replace(told, words=self.panel.secrets().clean(told.words))
        self.keep(waiting, "told" if told.ok else "failed", told)
        return told

    # ---- keeping ----------------------------------------------------------------------------------------------------
    def load(self) -> None:
        """What an earlier process knew and had not sent."""
        try:
            for row in self.panel.db.rows("SELECT * FROM alerts"):
                condition = Condition(row["key"], row["event"], row["subject"], row["text"], row["path"])
                self.known[row["key"]] = Known(condition, row["since"] / 1000, self.panel.clock())
            for row in self.panel.db.rows("SELECT * FROM deliveries WHERE outcome = 'waiting'"):
                id, event, state, subject, text = (row[n] for n in ("id", "event", "state", "subject", "text"))
                message = Message(id, event, state, subject, text, row["at"] / 1000)
                waiting = Waiting(row["alert"], message, row["due"] / 1000, row["tries"])
                self.waiting.setdefault((row["id"], row["alert"]), waiting)
        except DatabaseUnavailable:
            return
        self.loaded = True

    def keep_known(self, key: str) -> None:
        known = self.known[key]
        one = known.condition
        row = {"key": key, "event": one.event, "subject": one.subject, "text": one.text, "path": one.path}
        self.panel.store.put_alert({**row, "since": int(known.since * 1000)})

    def keep(self, waiting: Waiting, outcome: str, told: Told | None = None) -> None:
        message = waiting.message
        row = {
            "id": message.id,
            "alert": waiting.alert,
            "event": message.event,
            "state": message.state,
            "subject": message.subject,
            "text": message.text,
            "at": int(message.at * 1000),
            "tried_at": int(self.panel.clock() * 1000),
            "due": int(waiting.due * 1000),
            "tries": waiting.tries,
            "outcome": outcome,
            "status": told.status if told else 0,
            "words": told.words if told else "",
        }
        self.panel.store.put_delivery(row, KEPT)


def sender(app: Flask | None = None) -> Sender:
    """That of this process."""
    found: Sender = (app or current_app).extensions[EXTENSION]
    return found
