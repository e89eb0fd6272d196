"""Put a text for people into their language: ``tr("No reply from {port}").format(port=port)``.

The source text is English and is the key of the catalogues beside this file, which ``scripts/messages`` keeps up to date.
The language is the one given to :func:`use_language`, else what LANGUAGE, LC_ALL, LC_MESSAGES and LANG ask for. Nothing is
loaded before the first text that needs a catalogue, so that the command line starts fast.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOMAIN = "yizhan"
CATALOGUES = Path(__file__).parent
SOURCE = "en"
LANGUAGES = (SOURCE, "zh_CN")

_LANGUAGE_OF = {"zh": "zh_CN", "en": SOURCE, "c": SOURCE, "posix": SOURCE}
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_chosen: str | None = None


def tr(text: str) -> str:
    """Return ``text`` in the language in force, or as it is where the catalogue lacks it.

    Always called with a literal, so that the text can be found and translated; put values in with ``.format`` afterwards.
    """
    return _translator(language())(text)


def use_language(name: str | None) -> None:
    """Set the language for this process (``zh_CN``, ``zh``, ``en_GB.UTF-8`` …); None lets the environment decide again.

    Raises ValueError for a language without a catalogue.
    """
    global _chosen  # noqa: PLW0603 -- one process, one reader: as gettext's own textdomain()
    found = None if name is None else _known(name)
    if name is not None and found is None:
        message = tr("no texts in language '{name}'; there are {languages}")
        raise ValueError(message.format(name=name, languages=", ".join(LANGUAGES)))
    _chosen = found


def language() -> str:
    """Return the language in force, one of LANGUAGES."""
    return _chosen or language_from(os.environ)


def language_from(environ: Mapping[str, str]) -> str:
    """Return the language an environment asks for: the first variable that is set decides, as in gettext.

    LANGUAGE may name several, of which the first with a catalogue is taken; every other unknown one means English.
    """
    wanted = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    return next(filter(None, map(_known, wanted.split(":"))), SOURCE)


def _known(locale: str) -> str | None:
    """Return the catalogue for a locale name; all kinds of Chinese get zh_CN, better than English for their readers."""
    return _LANGUAGE_OF.get(locale.replace("-", "_").split("_")[0].split(".")[0].lower())


@lru_cache(maxsize=len(LANGUAGES))
def _translator(name: str) -> Callable[[str], str]:
    if name == SOURCE:
        return str
    import gettext  # noqa: PLC0415 -- only for those who need it

    return gettext.translation(DOMAIN, str(CATALOGUES), languages=[name]).gettext
