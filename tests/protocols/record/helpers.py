"""Keys, ends and states that the tests of this folder share. All of it is public: never a key of a real network."""

from protocols.record import keys
from protocols.record.address import Ends, Implied
from protocols.record.keys import PairSecret, RootSecret, Session
from protocols.record.layout import Form, Header, Relay
from protocols.record.receiver import ReceivingState
from protocols.record.suite import Suite

ROOT = RootSecret(bytes(range(32)))
FIELD, HQ, DEVICE, GROUP = 0x0203, 0x0001, 0x0ABCDE, 0xFF07
UP = Ends(FIELD, HQ)
"""From a field gateway to the headquarters: the usual direction."""
UP_IMPLIED = Implied(FIELD, HQ)
SALT = 0x0D000000
HEADERS = [
    Header(form, fragment, long_tag, Relay(1, 5, 2) if form.relayed else None)
    for form in Form
    for fragment in (False, True)
    for long_tag in (False, True)
]


def pair_of(ends=UP):
    return keys.pair_secret(ROOT, ends.src, ends.dst)


def chain_of(ends=UP):
    return keys.first_chain(pair_of(ends), ends)


def hello_key_of(ends=UP):
    return keys.hello_key(pair_of(ends), ends)


def keys_of(ends=UP, generation=0, salt=SALT, suite=Suite.AES_CCM):
    return keys.session_keys(chain_of(ends).at(generation), Session(ends, generation, salt, suite))


def receiving(ends=UP, **fields):
    """A receiver that knows the session of ``keys_of``."""
    return ReceivingState(ends, **{"salt": SALT, "last_salt": SALT} | fields)


def other_secret():
    return PairSecret(b"another pair's secret, 32 bytes.")
