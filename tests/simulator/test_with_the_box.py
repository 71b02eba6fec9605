"""The box's own trunk, media, voice and script against every kind of simulated callee."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from movoice_box.clock import SystemClock
from movoice_box.domain.agent import Agent
from movoice_box.domain.call import UNANSWERED_OUTCOMES, Disposition
from movoice_box.domain.disposition_rule import disposition_heard
from movoice_box.domain.phone import PhoneNumber
from movoice_box.rtp.early_media import EarlyMediaListener
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from movoice_box.simulator.callees import CALLEES, Callee, Step
from movoice_box.simulator.expectation import expected_disposition, expected_outcome
from movoice_box.simulator.scenario import Scenario
from movoice_box.sip.trunk import Answered, EarlyMedia, Ended, Trunk
from movoice_box.voice.brain.script import ScriptBrain
from movoice_box.voice.conversation import Conversation, ConversationResult
from movoice_box.voice.speech.espeak import EspeakSynthesizer
from tests.builders import an_agent, eventually
from tests.simulator.gateways import RunningGateway, a_gateway, everyone
from tests.sip.ends import a_trunk

ROW = {"name": "Rahul", "amount_due": "₹2500"}
CALLED = [
    *(
        "presses_1",
        "interrupts_2",
        "hurries_1",
        "presses_9",
        "mistaken",
        "says_hello",
        "early_media",
    ),
    *("hangs_up", "busy", "declines", "no_answer", "switched_off", "wrong_number", "no_circuit"),
    "rings_out",
]
ANNOUNCED = ["announced_off", "announced_unknown", "busy_tone"]
NUMBERS = {f"+9198765000{place:02d}": name for place, name in enumerate(CALLED, 10)}


@dataclass
class Line:
    """The parts of the box that carry a call."""

    trunk: Trunk
    media: MediaEngine
    speech: EspeakSynthesizer

    async def call(self, agent: Agent, number: str) -> tuple[Ended, ConversationResult | None]:
        """Place one call as the dialer does."""
        conversation = Conversation(agent, ScriptBrain(agent, ROW), self.speech, SystemClock())
        await conversation.prepare()
        session = await self.media.open(self.trunk.local_address())
        dialog = await self.trunk.invite(PhoneNumber(number), session.offer)
        talking: asyncio.Task[ConversationResult] | None = None

        async def talk() -> ConversationResult:
            result = await conversation.run(session)
            await dialog.end()
            return result

        async with asyncio.TaskGroup() as group:
            while not isinstance(event := await dialog.next_event(), Ended):
                if isinstance(event, Answered) and event.media:
                    session.connect(event.media)
                    talking = group.create_task(talk())
            await session.close()
        return event, talking.result() if talking else None

    async def heard(self, number: str) -> Disposition:
        """Place a call that nobody answers and listen to what comes instead."""
        session = await self.media.open(self.trunk.local_address())
        dialog = await self.trunk.invite(PhoneNumber(number), session.offer)
        listener = EarlyMediaListener()

        async def listen() -> None:
            async for pcm in session.frames():
                listener.hear(pcm)

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            while not isinstance(event := await dialog.next_event(), Ended):
                if isinstance(event, EarlyMedia):
                    session.connect(event.media)
            await session.close()
        return disposition_heard(
            event.disposition,
            sip_status=event.sip_status,
            q850_cause=event.q850_cause,
            early_media=listener.verdict(),
        )

    async def outcome(self, agent: Agent, number: str) -> str:
        ended, result = await self.call(agent, number)
        return result.outcome if result else UNANSWERED_OUTCOMES[ended.disposition]


@asynccontextmanager
async def a_line(gateway: RunningGateway, ring_timeout_s: int = 4) -> AsyncIterator[Line]:
    media = MediaEngine(Rtp(port_min=21_000, port_max=21_999), SystemClock())
    async with (
        asyncio.TaskGroup() as group,
        a_trunk(gateway.address, ring_timeout_s=ring_timeout_s) as trunk,
        EspeakSynthesizer() as speech,
    ):
        engine = group.create_task(media.run())
        yield Line(trunk, media, speech)
        engine.cancel()


async def test_every_call_reaches_the_outcome_that_its_callee_implies(tmp_path: Path) -> None:
    agent = an_agent()
    async with (
        a_gateway(tmp_path, Scenario(numbers=NUMBERS)) as gateway,
        a_line(gateway) as line,
    ):
        calls = [line.outcome(agent, number) for number in NUMBERS]
        outcomes = dict(zip(NUMBERS.values(), await asyncio.gather(*calls), strict=True))
        await eventually(lambda: len(gateway.entries("ended")) == len(CALLED))

        assert outcomes == {name: expected_outcome(CALLEES[name], agent) for name in CALLED}
        (canceled,) = gateway.entries("ended", by="caller", how="canceled")
        assert NUMBERS[canceled.number] == "rings_out"


async def test_announcements_and_tones_tell_what_the_network_does_not(tmp_path: Path) -> None:
    numbers = {f"+9198765000{place}": name for place, name in enumerate(ANNOUNCED, 10)}
    async with (
        a_gateway(tmp_path, Scenario(numbers=numbers)) as gateway,
        a_line(gateway, ring_timeout_s=20) as line,
    ):
        heard = await asyncio.gather(*map(line.heard, numbers))
    assert heard == [expected_disposition(CALLEES[name]) for name in ANNOUNCED]
    assert set(heard) == {
        Disposition.NO_ANSWER,
        Disposition.INVALID_NUMBER,
        Disposition.BUSY,
    }


async def test_a_callee_listens_to_the_question_before_answering_it(tmp_path: Path) -> None:
    patient = everyone(Callee(steps=(Step(press="1"),)))
    async with a_gateway(tmp_path, patient) as gateway, a_line(gateway) as line:
        _, result = await line.call(an_agent(), "+919876543210")

        assert result
        question, answer = [line for line in result.transcript if "ress" in line.text]
        assert (question.speaker, answer.speaker) == ("agent", "callee")
        assert answer.at_ms > question.at_ms + 2_000
        ended = await gateway.ended()
        assert ended["speech_ms"] > 3_000
        assert ended["rtp_lost"] == 0
