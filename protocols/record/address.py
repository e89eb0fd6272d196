"""Air addresses: 24 bits, of which gateways and groups use the lower 16; 0 is nobody.

| address | who |
|---|---|
| 0x000001 to 0x00FEFF | gateways |
| 0x00FF00 to 0x00FFFE | groups |
| 0x00FFFF | everybody |
| 0x010000 to 0xFFFFFF | devices, in the 24-bit form only |
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from protocols.record.errors import Malformed

SHORT_MAX = 0x00FFFF
"""Largest address that the two-byte forms carry."""
GATEWAY_MAX = 0x00FEFF
GROUP_MIN = 0x00FF00
EVERYBODY = 0x00FFFF
DEVICE_MIN = 0x010000
ADDRESS_MAX = 0xFFFFFF


class AddressKind(enum.StrEnum):
    """Who an address is."""

    GATEWAY = "gateway"
    GROUP = "group"
    EVERYBODY = "everybody"
    DEVICE = "device"


def kind_of(address: int) -> AddressKind:
    """Return who ``address`` is; raise Malformed for what is no address."""
    if not 0 < address <= ADDRESS_MAX:
        raise Malformed("bad address", f"found {address:#x}, an air address is 0x1 to {ADDRESS_MAX:#x}")
    if address <= GATEWAY_MAX:
        return AddressKind.GATEWAY
    if address >= DEVICE_MIN:
        return AddressKind.DEVICE
    return AddressKind.EVERYBODY if address == EVERYBODY else AddressKind.GROUP


def check_group(address: int) -> None:
    """Raise Malformed unless ``address`` stands for several: a group, or everybody."""
    if kind_of(address) not in {AddressKind.GROUP, AddressKind.EVERYBODY}:
        raise Malformed("bad address", f"found {address:#x}, a group is {GROUP_MIN:#x} to {EVERYBODY:#x}")


def check_single(address: int) -> None:
    """Raise Malformed unless ``address`` is one gateway or device: only these send, and only these share a pair secret."""
    if kind_of(address) not in {AddressKind.GATEWAY, AddressKind.DEVICE}:
        raise Malformed("bad address", f"found {address:#x}, which is a group; one gateway or device is needed here")


@dataclass(frozen=True, slots=True)
class Ends:
    """One direction between two addresses: ``src`` is one gateway or device, ``dst`` may be a group."""

    src: int
    dst: int

    def __post_init__(self) -> None:
        check_single(self.src)
        kind_of(self.dst)
        if self.src == self.dst:
            raise Malformed("bad address", f"found {self.src:#x} at both ends")

    def to_bytes(self) -> bytes:
        """Return both as 3 + 3 bytes, as they stand in what is authenticated and in key derivation."""
        return self.src.to_bytes(3) + self.dst.to_bytes(3)

    def back(self) -> Ends:
        """Return the other direction; raise Malformed when ``dst`` is a group, which never sends."""
        return Ends(self.dst, self.src)


@dataclass(frozen=True, slots=True)
class Implied:
    """What the bearer says about the ends of a frame, None for what it does not say.

    A Beidou card number, for instance, implies the source, and the card that heard it the destination.
    """

    src: int | None = None
    dst: int | None = None

    def complete(self, src: int | None, dst: int | None) -> tuple[int | None, int | None]:
        """Return what the frame itself says, and the bearer's word only where it says nothing.

        A relay's bearer names the relay, so what the frame carries goes first.
        """
        return (self.src if src is None else src, self.dst if dst is None else dst)
