# SPDX-License-Identifier: MIT
"""What an incident is, and the list of all."""
import dataclasses
import re

ALL = {}
OVER = "only waits until all is quiet"  # what an incident prints when it needs the machine no more


@dataclasses.dataclass
class Incident:
    """One row of the table. The fields after `story` are the truth that each column is judged by."""
    name: str
    story: str  # in plain words
    play: object = None  # stages it
    listener: str = "8080"  # the label of the one in trouble; "" if all is healthy
    cause: str = ""  # one of causes.py; a text that names the listener holds it
    then: str = ""  # another cause, which --explain and the rules say later
    never: tuple = ()  # causes that no text may claim
    needs_time: bool = False  # a sign that needs 10 intervals, not 3
    waits: bool = False  # the sign is the wait of its clients, in seconds that no test can make shorter
    blind: tuple = ()  # columns that by design cannot see it
    causeless: tuple = ()  # columns that see it, but cannot know the cause
    also: tuple = ()  # other keys that may speak, as they are true as well
    short: bool = False  # part of make check
    seconds: int = 60  # that it takes, about: the longest begin first

    def port(self):
        """What each text names."""
        return re.escape(self.listener.rpartition(":")[2].rpartition("-")[2])

    @property
    def healthy(self):
        return not self.listener


def incident(name, story, **truth):
    """Makes the function below the staging of an incident."""
    def register(play):
        ALL[name] = Incident(name, story, play, **truth)
        return play
    return register
