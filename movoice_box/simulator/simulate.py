"""The simulator as a program: a gateway, its media and the voices of its callees."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from movoice_box.clock import Clock
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from movoice_box.simulator.gateway import Gateway, GatewayOptions
from movoice_box.simulator.ledger import Ledger
from movoice_box.simulator.scenario import Scenario
from movoice_box.sip.transport import Address
from movoice_box.voice.speech.espeak import EspeakSynthesizer
from movoice_box.voice.speech.tts import Voice

_VOICE = Voice("en-IN")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """`rtp` must not overlap the box's own ports; `ledger` is added to, None keeps none."""

    gateway: GatewayOptions = field(default_factory=GatewayOptions)
    rtp: Rtp = field(default_factory=lambda: Rtp(port_min=30_000, port_max=39_999))
    ledger: Path | None = None


async def simulate(
    options: SimulatorOptions,
    scenario: Scenario,
    clock: Clock,
    on_ready: Callable[[Address], None],
) -> None:
    """Run until cancelled; `on_ready` gets the SIP address once calls are answered.

    Raises `TrunkError` when the port is taken, `SpeechError` when a callee has to speak and cannot.
    """
    prompts = await _spoken(scenario)
    media = MediaEngine(options.rtp, clock)
    with Ledger(options.ledger, clock) as ledger:
        gateway = Gateway(options.gateway, scenario, media, ledger, prompts)
        async with asyncio.TaskGroup() as group:
            group.create_task(media.run(), name="media")
            group.create_task(gateway.run(), name="gateway")
            on_ready(gateway.address)


async def _spoken(scenario: Scenario) -> dict[str, bytes]:
    """Every sentence that the scenario's callees say or their operators announce, as PCM."""
    names = {*scenario.numbers.values(), *scenario.endings.values(), *scenario.mix}
    callees = [scenario.callees[name] for name in names]
    texts = {step.say for callee in callees for step in callee.steps}
    texts |= {callee.announcement for callee in callees}
    texts.discard("")
    if not texts:
        return {}
    async with EspeakSynthesizer() as speech:
        return {text: await speech.synthesize(text, _VOICE) for text in texts}
