"""What a callee will hear first, for review before anyone is called."""

from collections.abc import Mapping

from movoice_box.domain.agent import Agent
from movoice_box.voice import conversation


def first_words(agent: Agent, variables: Mapping[str, str]) -> str:
    """The greeting of one row as it will be spoken, numbers and dates in words."""
    return conversation.first_words(agent, variables)
