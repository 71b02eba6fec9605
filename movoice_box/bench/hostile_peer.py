"""The far end of `bench fuzz`, a process of its own: `python -m movoice_box.bench.hostile_peer`.

Each line of standard input is a command in JSON, each answer a line of JSON; it ends with its
input. It writes the port of its gateway first. Commands, by their only key:

- `{"up": n}`: answered once so many calls of others than fair game are up.
- `{"flood": n}`: hurl so many datagrams at the box; answered with the tally.
- `{"listen": s}`: for so many seconds; answered with the packets heard of each call.
- `{"press": k}`: the callee of each call presses the key; answered at once.
- `{"dialed": 0}`: answered with how many calls came for each number.
"""

import asyncio
import itertools
import json
import sys
from typing import Any

from movoice_box.bench.flood import OTHER_KEY, TICK_S, Flood
from movoice_box.bench.hostile_gateway import HostileGateway
from movoice_box.bench.mutation import Chance

_PRESSES_EVERY_TICKS = 1000  # before the agent gives up on a silent callee


async def serve(fair_game: str, seed: int) -> None:
    """Answer calls and commands until standard input ends."""
    chance = Chance(seed)
    gateway = HostileGateway(fair_game, chance)
    commands = await _standard_input()
    async with asyncio.TaskGroup() as group:
        voices = group.create_task(_speak(gateway), name="voices")
        _say({"port": gateway.address[1]})
        while line := await commands.readline():
            ((name, value),) = json.loads(line).items()
            _say(await _do(name, value, gateway, chance))
        voices.cancel()
    gateway.close()


async def _do(name: str, value: float, gateway: HostileGateway, chance: Chance) -> dict[str, Any]:
    others = gateway.up(is_fair_game=False)
    match name:
        case "up":
            while len(gateway.up(is_fair_game=False)) < value:  # noqa: ASYNC110 (at most a call's set-up)
                await asyncio.sleep(TICK_S)
        case "flood":
            flood = Flood(gateway, others[0].source, chance)
            await flood.run(int(value))
            tally = flood.tally
            return {
                "sent": tally.sent,
                "left_out": tally.left_out,
                "probe_ms": tally.probe_ms,
                "unanswered": tally.unanswered,
            }
        case "listen":
            before = [call.heard for call in others]
            await asyncio.sleep(value)
            return {"heard": [call.heard - b for call, b in zip(others, before, strict=True)]}
        case "press":
            for call in gateway.up():
                call.press(int(value))
        case "dialed":
            return gateway.dialed
    return {}


async def _speak(gateway: HostileGateway) -> None:
    """Every call sends 20 ms of speech every 20 ms; now and then its callee has the agent go on."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for tick in itertools.count(1):
        for call in gateway.up():
            call.speak()
            if tick % _PRESSES_EVERY_TICKS == 0:
                call.press(OTHER_KEY)
        due = max(due + TICK_S, loop.time() - TICK_S)
        await asyncio.sleep(max(0.0, due - loop.time()))


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
