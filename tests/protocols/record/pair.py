"""A sender and a receiver of one direction back to back, with disks that a crash falls back to, and wires between them.

The promises are checked as it runs: a key and nonce seal one plaintext only; what is delivered was sent, as it was sent,
and once.
"""

import random

from protocols.record import greeting, receiver, sender
from protocols.record.address import Implied
from protocols.record.errors import KeyWornOut, NotReserved
from protocols.record.hello import Hello, HelloMessage
from protocols.record.keys import session_keys
from protocols.record.layout import Form, Header, HelloKind, Relay, is_hello
from protocols.record.receiver import ReceivingState
from protocols.record.sealing import seal
from protocols.record.sender import SendingSession
from protocols.record.siv import seal_hello
from protocols.record.suite import Suite, nonce_of
from tests.protocols.record.helpers import SALT, UP, chain_of, hello_key_of

BEGAN_S = SALT


class Pair:
    def __init__(self, seed=0, ends=UP, suite=Suite.AES_CCM):
        self.rng = random.Random(seed)
        self.ends, self.hello_key = ends, hello_key_of(ends)
        self._chains = [chain_of(ends)]
        self.implied = Implied(ends.src, ends.dst)
        self.now_s = 1000
        self.state = sender.first_session(ends, BEGAN_S, suite=suite)
        self.peer = ReceivingState(ends)
        self.sender_disk, self.peer_disk = self.state.to_row(), self.peer.to_row()
        self.said = {}
        """Plaintext by (salt, counter)."""
        self.nonces = {}
        """Plaintext by (key, nonce)."""
        self.delivered = set()
        self.problems = []

    def chains(self, generation):
        """Give a chain secret as a gateway does, from the one before it."""
        while generation >= len(self._chains):
            self._chains.append(self._chains[-1].next())
        return self._chains[generation]

    # The sender

    def hello(self, content=None, form=Form.IMPLIED, **fields):
        """Return a hello of the present session, with a first message when there is content."""
        message = None
        if content is not None:
            counter = self._take(long_tag=True)
            self.said[self.state.salt, counter] = content
            message = HelloMessage(counter, content)
        hello = Hello(self.state.generation, self.state.salt, self.state.suite, message=message, **fields)
        return seal_hello(self.hello_key, HelloKind.HELLO, form, hello.to_bytes())

    def send(self, plaintext, *, form=Form.IMPLIED, fragment=False, long_tag=False):
        """Return the record of one message."""
        long_tag = long_tag or not self.state.suite.short_tags
        counter = self._take(long_tag=long_tag)
        keys = session_keys(self.chains(self.state.generation), self.state.session)
        nonce = nonce_of(self.state.suite, keys.static_iv, counter)
        assert self.nonces.setdefault((keys.key, nonce), plaintext) == plaintext, f"counter {counter} used again"
        self.said[self.state.salt, counter] = plaintext
        return seal(keys, Header(form, fragment, long_tag, Relay(1, 7) if form.relayed else None), counter, plaintext)

    def _take(self, *, long_tag):
        while True:
            try:
                self.state, counter = sender.take(self.state, long_tag=long_tag)
            except NotReserved:
                self.state = sender.reserve(self.state)
                self.sender_disk = self.state.to_row()
            except KeyWornOut:
                self.rotate()
            else:
                return counter

    def rotate(self):
        self.state = sender.rotate(sender.confirm(self.state, self.state.next_counter - 1), BEGAN_S)
        self.sender_disk = self.state.to_row()

    def begin(self, **fields):
        self.state = sender.begin(self.state, BEGAN_S, **fields)
        self.sender_disk = self.state.to_row()

    def crash_sender(self):
        self.state = sender.after_restart(SendingSession.from_row(self.sender_disk))

    # The receiver

    def hear(self, frame):
        """Take a frame, store the state with what it delivers, and return the outcome."""
        if is_hello(frame):
            outcome = greeting.accept_hello(
                self.peer, frame, self.implied, self.hello_key, self.chains, now_s=self.now_s, suites=set(Suite)
            )
        else:
            outcome = receiver.open_record(self.peer, frame, self.implied, self.chains, now_s=self.now_s)
        self.peer = outcome.state
        self.peer_disk = self.peer.to_row()
        if outcome.opened is not None:
            self._deliver(outcome.opened)
        elif outcome.problem is not None:
            self.problems.append(type(outcome.problem).__name__)
        return outcome

    def _deliver(self, opened):
        name = opened.session.salt, opened.counter
        assert name in self.said, f"{name} was never sent"
        assert opened.plaintext == self.said[name], f"{name} says something else"
        assert name not in self.delivered, f"{name} was delivered before"
        self.delivered.add(name)

    def crash_receiver(self):
        self.peer = ReceivingState.from_row(self.peer_disk)


# --- wires: frames in, frames out ---------------------------------------------------------------------------------


def perfect(frames, rng):
    return list(frames)


def lossy(frames, rng):
    return [frame for frame in frames if rng.random() > 0.3]


def duplicated(frames, rng):
    return [copy for frame in frames for copy in [frame] * rng.choice((1, 1, 2, 3))]


def reordered(frames, rng, by=4095):
    """Each frame is overtaken by fewer than ``by`` that were sent after it."""
    return [frames[at] for at in sorted(range(len(frames)), key=lambda at: at + rng.random() * by)]


def everything(frames, rng):
    return lossy(reordered(duplicated(frames, rng), rng, by=3000), rng)


WIRES = {"perfect": perfect, "lossy": lossy, "duplicated": duplicated, "reordered": reordered, "everything": everything}
