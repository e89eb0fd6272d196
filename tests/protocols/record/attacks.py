"""Frames of somebody without the key who has recorded everything: made up, replayed, cut, flipped, put together, misdirected."""

import random

from protocols.record.address import Ends
from protocols.record.layout import Form, RecordFrame, Relay
from tests.protocols.record.helpers import FIELD, HQ
from tests.protocols.record.pair import Pair

SESSION_EVERY = 400
"""Attacks in one session: fewer than the failures after which short tags are not even tried."""
KEPT = 200


class Attacker:
    """Attacks one pair; its recordings are of that pair (delivered, held back, of old sessions) and of others."""

    def __init__(self, seed, *, sessions=True):
        self.rng = random.Random(seed)
        self.pair = Pair(seed)
        self.sessions = sessions
        self.pair.hear(self.pair.hello())
        self.delivered, self.held, self.old, self.hellos = [], [], [], []
        self.others = [
            self._recorded(Ends(HQ, FIELD)),
            self._recorded(Ends(0x0204, HQ)),
            self._recorded(Ends(FIELD, 2)),
        ]
        self.genuine()
        self.kinds = [value for name, value in sorted(vars(Attacker).items()) if name.startswith("make_")]

    def _recorded(self, ends):
        other = Pair(1, ends)
        return [other.send(self.rng.randbytes(20), long_tag=n % 2 == 0) for n in range(50)]

    def genuine(self):
        """Let the pair say something, now and then in a new session or under a new key."""
        pair, rng = self.pair, self.rng
        if self.sessions and rng.random() < 0.3:
            pair.rotate()
        frame = pair.send(rng.randbytes(rng.randrange(50)), long_tag=rng.random() < 0.5)
        assert pair.hear(frame).opened is not None or pair.peer.only_long_tags
        self.delivered = [*self.delivered, frame][-KEPT:]
        self.held = [*self.held, pair.send(rng.randbytes(rng.randrange(50)), long_tag=rng.random() < 0.5)][-20:]

    def new_session(self):
        self.old = (self.old + self.delivered + self.held)[-KEPT:]
        self.held = []
        self.pair.begin()
        hello = self.pair.hello(b"first")
        self.pair.hear(hello)
        self.hellos = [*self.hellos, hello][-KEPT:]

    def attack(self, number):
        """Return the outcome of attack ``number``; the pair checks that what is delivered was sent, and once."""
        if number % 20 == 0:
            self.genuine()
        if self.sessions and number % SESSION_EVERY == 0:
            self.new_session()
        return self.pair.hear(self.rng.choice(self.kinds)(self))

    # Kinds of attack

    def make_up_a_record(self):
        return bytes([self.rng.randrange(32)]) + self.rng.randbytes(self.rng.randrange(40))

    def make_up_a_likely_record(self):
        """Right form, right E, next counter: only the tag is guessed."""
        rng, peer = self.rng, self.pair.peer
        long_tag = peer.only_long_tags or rng.random() < 0.5
        low = (peer.window.highest + rng.randrange(1, 50)) % 65536
        return bytes([(peer.generation & 1) << 1 | long_tag]) + low.to_bytes(2) + rng.randbytes(rng.randrange(8, 40))

    def make_up_a_hello(self):
        return bytes([0x7F, self.rng.randrange(16)]) + self.rng.randbytes(self.rng.randrange(60))

    def make_noise(self):
        return self.rng.randbytes(self.rng.randrange(60))

    def make_a_replay(self):
        return self.rng.choice(self.delivered)

    def make_a_replay_of_an_old_session(self):
        return self.rng.choice(self.old or self.delivered)

    def make_a_replay_of_a_hello(self):
        return self.rng.choice(self.hellos or self.delivered)

    def make_a_cut(self):
        frame = self.rng.choice(self.held or self.delivered)
        return frame[: self.rng.randrange(len(frame))]

    def make_longer(self):
        return self.rng.choice(self.held or self.delivered) + self.rng.randbytes(self.rng.randrange(1, 9))

    def make_a_flip(self):
        """One bit of a record that was not heard yet; with both ends implied every bit is authenticated."""
        return self.flipped(self.rng.choice(self.held or self.delivered))

    def make_a_flip_of_a_hello(self):
        return self.flipped(self.rng.choice(self.hellos or self.delivered))

    def make_another_key(self):
        """E flipped: the record of one generation given out as that of another."""
        frame = self.rng.choice(self.held or self.delivered)
        return bytes([frame[0] ^ 2]) + frame[1:]

    def make_one_of_two(self):
        """Head and counter of one record, ciphertext and tag of another."""
        one, other = self.rng.choice(self.delivered), self.rng.choice(self.held or self.delivered)
        return one[:3] + other[3:] if one[:3] != other[:3] else one

    def make_a_misdirected_one(self):
        """What another pair said, or this one in the other direction."""
        return self.rng.choice(self.rng.choice(self.others))

    def make_a_readdressed_one(self):
        """The same, with our addresses written over it."""
        frame = RecordFrame.from_bytes(self.rng.choice(self.rng.choice(self.others)))
        return frame.carried_as(Form.LONG, self.pair.ends, Relay(0, 7)).to_bytes()

    def flipped(self, frame):
        size = len(frame) if self.rng.random() < 0.5 else 3  # the few bits of the head get their share
        at = self.rng.randrange(8 * size)
        changed = bytearray(frame)
        changed[at // 8] ^= 1 << at % 8
        return bytes(changed)
