"""The process that holds libespeak-ng: frames in on standard input, frames out on standard output.

A request is `!I` length and JSON {"text", "voice", "words_per_minute"}; an answer is `!BI` kind and
length and the payload. The first answer, without a request, is HELLO or ERROR. It ends with its
standard input, or with its parent whichever way that dies.
"""

import ctypes
import json
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

from movoice_box.voice.speech.phone_audio import to_phone_pcm

REQUEST_HEADER = struct.Struct("!I")
ANSWER_HEADER = struct.Struct("!BI")
HELLO, PCM, ERROR = 1, 2, 3  # JSON, audio, text for people

_PR_SET_PDEATHSIG = 1  # prctl(2)
# speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_PARAMETER_RATE = 1
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_MOST_SECONDS = 120  # of one text; longer speech is cut

_SYNTH_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    """espeak_VOICE."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class Espeak:
    """libespeak-ng, of which a process can hold one. Raises `OSError` where it is missing."""

    def __init__(self, library: str) -> None:
        self._lib = ctypes.CDLL(library)
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._rate_hz: int = self._lib.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, None, _INITIALIZE_DONT_EXIT
        )
        if self._rate_hz <= 0:
            raise OSError("espeak-ng has no voice data")
        self._samples = bytearray()
        self._callback = _SYNTH_CALLBACK(self._take)  # must live as long as the library
        self._lib.espeak_SetSynthCallback(self._callback)

    def version(self) -> str:
        return self._lib.espeak_Info(None).decode().split("  ")[0]  # type: ignore[no-any-return]

    def voices(self) -> list[dict[str, Any]]:
        found = self._lib.espeak_ListVoices(None)
        voices = []
        index = 0
        while found[index]:
            voice = found[index].contents
            voices.append(
                {
                    "identifier": voice.identifier.decode(),
                    "name": voice.name.decode(),
                    "languages": _languages(voice.languages),
                }
            )
            index += 1
        return voices

    def speak(self, text: str, voice: str, words_per_minute: int) -> bytes:
        """8 kHz PCM. Raises `ValueError` when the engine refuses."""
        self._samples.clear()
        if self._lib.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng cannot load its voice '{voice}'")
        self._lib.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
        data = text.replace("\0", " ").encode(errors="replace")
        status = self._lib.espeak_Synth(
            data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status or self._lib.espeak_Synchronize():
            raise ValueError(f"espeak-ng failed with status {status}")
        return to_phone_pcm(np.frombuffer(bytes(self._samples), np.int16), self._rate_hz)

    def _take(self, wav: Any, count: int, _events: int) -> int:
        if wav and count > 0:
            self._samples += ctypes.string_at(wav, 2 * count)
        return int(len(self._samples) > 2 * self._rate_hz * _MOST_SECONDS)


def _languages(packed: Any) -> list[tuple[int, str]]:
    """Priority byte and zero-terminated tag, again and again, until a priority of zero."""
    languages = []
    place = 0
    while priority := packed[place][0]:
        end = place + 1
        while packed[end] != b"\0":
            end += 1
        languages.append((priority, packed[place + 1 : end].decode()))
        place = end + 1
    return languages


def _serve(espeak: Espeak, requests: BinaryIO, answers: BinaryIO) -> None:
    while len(header := requests.read(REQUEST_HEADER.size)) == REQUEST_HEADER.size:
        request = json.loads(requests.read(REQUEST_HEADER.unpack(header)[0]))
        try:
            _answer(answers, PCM, espeak.speak(**request))
        except ValueError as error:
            _answer(answers, ERROR, str(error).encode())


def _answer(answers: BinaryIO, kind: int, payload: bytes) -> None:
    answers.write(ANSWER_HEADER.pack(kind, len(payload)) + payload)
    answers.flush()


def main(library: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the box, which then ends us
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints must not end up between two frames
    try:
        espeak = Espeak(library)
    except OSError as error:
        _answer(answers, ERROR, str(error).encode())
        return
    hello = {"version": espeak.version(), "voices": espeak.voices()}
    _answer(answers, HELLO, json.dumps(hello).encode())
    try:
        _serve(espeak, sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)  # the box is gone; there is no one left to flush for


if __name__ == "__main__":
    main(sys.argv[1])
