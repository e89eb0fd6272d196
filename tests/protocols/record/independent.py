"""Records and hellos again, written from docs/air-format/record.md alone, to check the document and the program by each other.

Nothing of protocols/ is used. Of ``cryptography`` only the bare block ciphers are: CCM, GCM, CMAC and AES-SIV are built here
from their documents, HKDF from ``hmac``.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB

# --- building blocks -----------------------------------------------------------------------------------------


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def block_cipher(algorithm, key):
    return Cipher(algorithm(key), ECB()).encryptor().update


def hkdf(secret, info, salt=b"", size=32):
    """RFC 5869, sections 2.2 and 2.3."""
    prk = hmac.digest(salt or bytes(32), secret, hashlib.sha256)
    okm = block = b""
    for number in range(1, 256):
        if len(okm) >= size:
            break
        block = hmac.digest(prk, block + info + bytes([number]), hashlib.sha256)
        okm += block
    return okm[:size]


def ccm(key, nonce, aad, plaintext, tag_size):
    """Ciphertext and tag: RFC 3610, sections 2.2 to 2.4, for L = 2 and 0 < aad < 0xFF00 bytes."""
    encrypt = block_cipher(AES, key)
    flags = 64 + 8 * ((tag_size - 2) // 2) + 1
    data = bytes([flags]) + nonce + len(plaintext).to_bytes(2, "big")
    for part in (len(aad).to_bytes(2, "big") + aad, plaintext):
        data += part + bytes(-len(part) % 16)
    mac = bytes(16)
    for at in range(0, len(data), 16):
        mac = encrypt(xor(mac, data[at : at + 16]))
    return ccm_stream(key, nonce, plaintext) + xor(mac, encrypt(bytes([1]) + nonce + bytes(2)))[:tag_size]


def ccm_stream(key, nonce, text):
    """Encrypt or decrypt without looking at any tag: RFC 3610, section 2.3."""
    encrypt = block_cipher(AES, key)
    blocks = range(1, len(text) // 16 + 2)
    return xor(text, b"".join(encrypt(bytes([1]) + nonce + number.to_bytes(2, "big")) for number in blocks))


def gcm_multiply(one, other):
    """NIST SP 800-38D, section 6.3."""
    product, v = 0, other
    for bit in range(127, -1, -1):
        if one >> bit & 1:
            product ^= v
        v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return product


def sm4_gcm(key, nonce, aad, plaintext):
    """Ciphertext and 16-byte tag: NIST SP 800-38D, section 7.1, for 12-byte nonces."""
    encrypt = block_cipher(SM4, key)
    ciphertext = sm4_gcm_stream(key, nonce, plaintext)
    data = aad + bytes(-len(aad) % 16) + ciphertext + bytes(-len(ciphertext) % 16)
    data += (8 * len(aad)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    hash_key, y = int.from_bytes(encrypt(bytes(16)), "big"), 0
    for at in range(0, len(data), 16):
        y = gcm_multiply(y ^ int.from_bytes(data[at : at + 16], "big"), hash_key)
    return ciphertext + xor(y.to_bytes(16, "big"), encrypt(nonce + (1).to_bytes(4, "big")))


def sm4_gcm_stream(key, nonce, text):
    encrypt = block_cipher(SM4, key)
    blocks = range(2, len(text) // 16 + 3)
    return xor(text, b"".join(encrypt(nonce + number.to_bytes(4, "big")) for number in blocks))


def double(block):
    value = int.from_bytes(block, "big") << 1
    return ((value ^ 0x87) & (1 << 128) - 1 if value >> 128 else value).to_bytes(16, "big")


def cmac(key, data):
    """RFC 4493, section 2.4."""
    encrypt = block_cipher(AES, key)
    subkey = double(encrypt(bytes(16)))
    last_at = max(0, (len(data) - 1) // 16 * 16)
    last = data[last_at:]
    last = xor(last, subkey) if len(last) == 16 else xor((last + b"\x80").ljust(16, b"\0"), double(subkey))
    mac = bytes(16)
    for at in range(0, last_at, 16):
        mac = encrypt(xor(mac, data[at : at + 16]))
    return encrypt(xor(mac, last))


def s2v(key, components, plaintext):
    """RFC 5297, section 2.4."""
    d = cmac(key, bytes(16))
    for component in components:
        d = xor(double(d), cmac(key, component))
    if len(plaintext) >= 16:
        return cmac(key, plaintext[:-16] + xor(plaintext[-16:], d))
    return cmac(key, xor(double(d), (plaintext + b"\x80").ljust(16, b"\0")))


def siv_stream(key, iv, text):
    """RFC 5297, section 2.5: CTR from the IV with two bits cleared."""
    encrypt = block_cipher(AES, key)
    start = int.from_bytes(iv, "big") & ~(1 << 63 | 1 << 31)
    blocks = range(len(text) // 16 + 1)
    return xor(text, b"".join(encrypt(((start + n) % (1 << 128)).to_bytes(16, "big")) for n in blocks))


def siv_seal(key, components, plaintext):
    iv = s2v(key[:16], components, plaintext)
    return iv + siv_stream(key[16:], iv, plaintext)


def siv_open(key, components, sealed):
    plaintext = siv_stream(key[16:], sealed[:16], sealed[16:])
    return plaintext if s2v(key[:16], components, plaintext) == sealed[:16] else None


# --- keys ------------------------------------------------------------------------------------------------------


def three(*addresses):
    return b"".join(address.to_bytes(3, "big") for address in addresses)


def derive(secret, name, rest=b"", salt=b"", size=32):
    return hkdf(secret, b"yizhan/1 " + name + rest, salt, size)


def pair_secret(root, one, other):
    return derive(root, b"pair", three(*sorted((one, other))))


def hello_key(secret, src, dst):
    return derive(secret, b"hello", three(src, dst))


def chain_secret(first, generation):
    for _ in range(generation):
        first = derive(first, b"next")
    return first


def first_chain(secret, src, dst):
    return derive(secret, b"chain", three(src, dst))


def sender_chain(secret, group, group_generation, src):
    return derive(secret, b"sender", group.to_bytes(2, "big") + bytes([group_generation]) + three(src))


def group_secret(seed, group, group_generation):
    return derive(seed, b"group", group.to_bytes(2, "big") + bytes([group_generation]))


def session_key(chain, session):
    """Return key and static IV; ``session`` is (src, dst, generation, salt, suite)."""
    src, dst, generation, salt, suite = session
    whole = salt.to_bytes(4, "big") + generation.to_bytes(2, "big")
    derived = derive(chain, b"record", bytes([suite]) + three(src, dst), whole, 24)
    return derived[:16], derived[16:]


# --- records ---------------------------------------------------------------------------------------------------


def rebuild(highest, low):
    for counter in range(highest + 1 - 32768, highest + 1 + 32768):
        if counter % 65536 == low:
            if counter < 0:
                return counter + 65536
            return counter - 65536 if counter >= 1 << 40 else counter
    raise AssertionError


def address_bytes(aa, src, dst):
    return [b"", src.to_bytes(3, "big")[1:], b"".join(a.to_bytes(3, "big")[1:] for a in (src, dst)), three(src, dst)][
        aa
    ]


def addresses_of(aa, body, src, dst):
    """Return src, dst and what follows the addresses; what the frame does not name is as the bearer says."""
    size = [0, 2, 4, 6][aa]
    named, rest = body[:size], body[size:]
    if len(named) < size:
        raise ValueError("short")
    if aa == 1:
        src = int.from_bytes(named, "big")
    elif aa:
        src, dst = int.from_bytes(named[: size // 2], "big"), int.from_bytes(named[size // 2 :], "big")
    return src, dst, rest


def seal_record(chain, session, counter, plaintext, *, aa=0, fragment=False, long_tag=False, relay=0):
    """Return a frame; ``session`` is (src, dst, generation, salt, suite)."""
    src, dst, generation, _salt, suite = session
    head = fragment << 4 | (generation & 1) << 1 | long_tag
    key, static_iv = session_key(chain, session)
    forty = counter.to_bytes(5, "big")
    aad = bytes([head]) + forty + three(src, dst)
    if suite == 1:
        sealed = ccm(key, static_iv + forty, aad, plaintext, 8 if long_tag else 4)
    else:
        sealed = sm4_gcm(key, static_iv[:7] + forty, aad, plaintext)[: len(plaintext) + 8]
    clear = address_bytes(aa, src, dst) + (bytes([relay]) if aa > 1 else b"")
    return bytes([head | aa << 2]) + forty[3:] + clear + sealed


def open_record(chain, session, frame, highest=0):
    """Return (counter, plaintext, fragment, relay byte or None) of a frame of that session, or None."""
    src, dst, generation, salt, suite = session
    aa, tag_size = frame[0] >> 2 & 3, 8 if frame[0] & 1 else 4
    if frame[0] >= 0x20 or frame[0] >> 1 & 1 != generation & 1 or (suite == 2 and tag_size == 4):
        return None
    src, dst, sealed = addresses_of(aa, frame[3:], src, dst)
    relay = None
    if aa > 1:
        relay, sealed = sealed[0], sealed[1:]
    counter = rebuild(highest, int.from_bytes(frame[1:3], "big"))
    named = (src, dst, generation, salt, suite)
    key, static_iv = session_key(chain, named)
    nonce = static_iv[: 8 if suite == 1 else 7] + counter.to_bytes(5, "big")
    plaintext = (ccm_stream if suite == 1 else sm4_gcm_stream)(key, nonce, sealed[:-tag_size])
    again = seal_record(
        chain, named, counter, plaintext, aa=0, fragment=bool(frame[0] & 16), long_tag=bool(frame[0] & 1)
    )
    return (counter, plaintext, bool(frame[0] & 16), relay) if again[3:] == sealed else None


# --- hellos ----------------------------------------------------------------------------------------------------


def seal_hello(key, src, dst, kind, plaintext, *, aa=0):
    aad = bytes([0x7F, kind]) + three(src, dst)
    return bytes([0x7F, aa << 2 | kind]) + address_bytes(aa, src, dst) + siv_seal(key, [aad], plaintext)


def open_hello(key, frame, src=None, dst=None):
    """Return (kind, plaintext), or None."""
    if frame[0] != 0x7F or frame[1] >> 4 or frame[1] & 3 == 3:
        return None
    src, dst, sealed = addresses_of(frame[1] >> 2, frame[2:], src, dst)
    plaintext = siv_open(key, [bytes([0x7F, frame[1] & 3]) + three(src, dst)], sealed)
    return None if plaintext is None else (frame[1] & 3, plaintext)


def read_hello(plaintext):
    """Return the fields of a hello by name."""
    flags = plaintext[2]
    fields = {
        "version": plaintext[0],
        "suite": plaintext[1],
        "want": bool(flags & 1),
        "long_tags": bool(flags & 2),
        "generation": int.from_bytes(plaintext[3:5], "big"),
        "salt": int.from_bytes(plaintext[5:9], "big"),
        "model": int.from_bytes(plaintext[9:11], "big"),
        "revision": plaintext[11],
        "known_salt": int.from_bytes(plaintext[12:16], "big"),
    }
    if flags & 4:
        fields["counter"] = int.from_bytes(plaintext[16:18], "big")
        fields["fragment"] = bool(flags & 8)
        fields["content"] = plaintext[18:].hex()
    return fields


def read_transport(plaintext):
    if plaintext[0] == 1:
        return {
            "group": int.from_bytes(plaintext[1:3], "big"),
            "generation": plaintext[3],
            "seed": plaintext[4:20].hex(),
            "serial": int.from_bytes(plaintext[20:], "big"),
        }
    return {"secret": plaintext[1:33].hex(), "serial": int.from_bytes(plaintext[33:], "big")}


def read_notice(plaintext):
    fields = {"kind": plaintext[0], "serial": int.from_bytes(plaintext[1:5], "big")}
    if plaintext[0] == 1:
        fields["revoked"] = [int.from_bytes(plaintext[at : at + 3], "big") for at in range(5, len(plaintext), 3)]
    return fields
