"""The ciphers and derivations as used here, and those of independent.py, against the vectors of their documents."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from protocols.record.counter import low_bits, rebuild
from protocols.record.suite import Suite, decrypt, encrypt
from tests.protocols.record import independent

CCM_KEY = "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
NIST_KEY = "a7aa635ea51b0bb20a092bd5573e728c"

CCM = {  # key, nonce, aad, plaintext, ciphertext and tag, tag size
    "RFC 3610, section 8, packet vector 1": (
        CCM_KEY,
        "00000003020100a0a1a2a3a4a5",
        "0001020304050607",
        "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
        "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0",
        8,
    ),
    "RFC 3610, section 8, packet vector 2": (
        CCM_KEY,
        "00000004030201a0a1a2a3a4a5",
        "0001020304050607",
        "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916",
        8,
    ),
    # RFC 3610 has no vector with a tag of 4 bytes; NIST's CCM validation suite (CAVP, CCM test vectors) does.
    "NIST CAVP CCM, DVPT128, Alen 32 Plen 24 Nlen 13 Tlen 4, count 210": (
        NIST_KEY,
        "5a8aa485c316e9403aff859fbb",
        "a16a2e741f1cd9717285b6d882c1fc53655e9773761ad697a7ee6410184c7982",
        "8739b4bea1a099fe547499cbc6d1b13d849b8084c9b6acc5",
        "934f893824e880f743d196b22d1f340a52608155087bd28ac25e5329",
        4,
    ),
    "NIST CAVP CCM, DVPT128, Alen 32 Plen 24 Nlen 13 Tlen 4, count 214": (
        NIST_KEY,
        "e3c03ef7e1d31961ee0b97bd99",
        "8a3676dd640821b58fb0f0329855fd5882c376ea166b958b7aaad223054e5784",
        "92973ce707733a73118c8ce6b5e3fc77a17f448310c0197f",
        "ecde42091baa1f5c17b79746e21c3de5c78984570748021ccd399507",
        4,
    ),
}

CCM_FAILING = {  # nonce, aad, ciphertext and tag: same source, "Result = Fail"
    "count 211": (
        "0812757ad0cc4d17c4cfe7a642",
        "ec6c44a7e94e51a3ca6dee229098391575ec7213c85267fbf7492fdbeee61b10",
        "f43ba9d834ad85dfab3f1c0c27c3441fe4e411a38a261a6559b3b3ee",
    ),
    "count 212": (
        "eff510acc1b85f35029cf7dc00",
        "0923b927b8295c5dfaf67da55e5014293bc8c708fda50af06c1e8aef31cccc86",
        "c686eac859a7bae3cce97d0b6527a0a7c8c2b24ece35f4370bf6688e",
    ),
}

SM4_GCM = {  # RFC 8998, appendix A, SM4-GCM
    "key": "0123456789abcdeffedcba9876543210",
    "nonce": "00001234567800000000abcd",
    "aad": "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    "plaintext": "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
    "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
    "ciphertext": "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
    "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d",
    "tag": "83de3541e4c2b58177e065a9bf7b62ec",
}

SIV = {  # key, components, plaintext, synthetic IV and ciphertext
    "RFC 5297, A.1": (
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        ["101112131415161718191a1b1c1d1e1f2021222324252627"],
        "112233445566778899aabbccddee",
        "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
    ),
    "RFC 5297, A.2": (
        "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
        [
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ],
        "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        (
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17"
            "dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"
        ),
    ),
}

HKDF = {  # secret, salt, info, output
    "RFC 5869, A.1": (
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    "RFC 5869, A.2": (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    "RFC 5869, A.3": (
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
}


def unhex(*texts):
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize("name", CCM)
def test_ccm(name):
    """Suite 1 gives and takes the published bytes; so does the other implementation."""
    *texts, tag_bytes = CCM[name]
    key, nonce, aad, plaintext, sealed = unhex(*texts)

    assert encrypt(Suite.AES_CCM, key, nonce, aad, plaintext, tag_bytes=tag_bytes) == sealed
    assert decrypt(Suite.AES_CCM, key, nonce, aad, sealed, tag_bytes=tag_bytes) == plaintext
    assert independent.ccm(key, nonce, aad, plaintext, tag_bytes) == sealed


@pytest.mark.parametrize("name", CCM_FAILING)
def test_ccm_refuses(name):
    """What the validation suite calls a failure is one."""
    key, nonce, aad, sealed = unhex(NIST_KEY, *CCM_FAILING[name])

    assert decrypt(Suite.AES_CCM, key, nonce, aad, sealed, tag_bytes=4) is None


def test_sm4_gcm():
    """Suite 2 gives the published ciphertext and the first 8 bytes of the published tag."""
    key, nonce, aad, plaintext, ciphertext, tag = unhex(*SM4_GCM.values())

    assert encrypt(Suite.SM4_GCM, key, nonce, aad, plaintext, tag_bytes=8) == ciphertext + tag[:8]
    assert decrypt(Suite.SM4_GCM, key, nonce, aad, ciphertext + tag[:8], tag_bytes=8) == plaintext
    assert independent.sm4_gcm(key, nonce, aad, plaintext) == ciphertext + tag


@pytest.mark.parametrize("name", SIV)
def test_aes_siv(name):
    """The library's AES-SIV with the key in this order, and the other implementation, give the published bytes."""
    key_text, components, *texts = SIV[name]
    key, plaintext, sealed = unhex(key_text, *texts)

    assert AESSIV(key).encrypt(plaintext, unhex(*components)) == sealed
    assert independent.siv_seal(key, unhex(*components), plaintext) == sealed
    assert independent.siv_open(key, unhex(*components), sealed) == plaintext


@pytest.mark.parametrize("name", HKDF)
def test_hkdf(name, monkeypatch):
    """The derivation every key here goes through, without its prefix, and the other implementation."""
    from protocols.record import keys

    secret, salt, info, output = unhex(*HKDF[name])
    monkeypatch.setattr(keys, "_INFO", b"")

    assert keys.derive(secret, info, salt=salt, size=len(output)) == output
    assert independent.hkdf(secret, info, salt, len(output)) == output


def test_packet_number():
    """RFC 9000, appendix A.3: after 0xa82f30ea the 16 bits 0x9b32 are 0xa82f9b32."""
    assert rebuild(0x9B32, 0xA82F30EA + 1) == 0xA82F9B32
    assert low_bits(0xA82F9B32) == 0x9B32
    assert independent.rebuild(0xA82F30EA, 0x9B32) == 0xA82F9B32
