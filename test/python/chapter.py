"""The flow of the chapter with the official Python SDK. Argument: the base URL. Prints one JSON object."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anthropic

client = anthropic.Anthropic(api_key="none", base_url=sys.argv[1], max_retries=0)
seen = {}


def turn(session_id: str, text: str) -> str:
    """Opens the stream, sends the message, and returns what the agent said until the session was idle."""
    said = []
    with client.beta.sessions.events.stream(session_id) as stream:
        client.beta.sessions.events.send(
            session_id,
            events=[{"type": "user.message", "content": [{"type": "text", "text": text}]}],
        )
        for event in stream:
            seen.setdefault("stream", []).append(event.type)
            if event.type == "agent.message":
                said += [block.text for block in event.content]
            if event.type == "session.status_idle":
                return "".join(said)
    raise SystemExit("the stream ended before the session was idle")


with TemporaryDirectory() as folder:
    path = Path(folder) / "sample_data.csv"
    path.write_text("city,age\nOslo,10\nRome,20\n")
    file = client.beta.files.upload(file=path)

agent = client.beta.agents.create(
    name="Analyst", model="claude-opus-5", tools=[{"type": "agent_toolset_20260401"}]
)
environment = client.beta.environments.create(name="chapter")
session = client.beta.sessions.create(
    agent=agent.id,
    environment_id=environment.id,
    resources=[{"type": "file", "file_id": file.id, "mount_path": "/workspace/data.csv"}],
)
seen["status"] = session.status

seen["first"] = turn(
    session.id, "Read the data.csv file at /workspace/data.csv and give me a summary of what's in it."
)
retrieved = client.beta.sessions.retrieve(session.id)
seen["usage"] = retrieved.usage.to_dict()
seen["second"] = turn(session.id, "What did you find?")

pinned = client.beta.sessions.create(
    agent={"type": "agent", "id": agent.id, "version": 1}, environment_id=environment.id
)
seen["pinned"] = pinned.agent.version
seen["listed"] = {listed.id: listed.status for listed in client.beta.sessions.list()}
seen["events"] = [event.type for event in client.beta.sessions.events.list(session.id, limit=5)]
seen["threads"] = [
    (thread.status, len(client.beta.sessions.threads.events.list(thread.id, session_id=session.id, limit=5).data))
    for thread in client.beta.sessions.threads.list(session.id)
]
seen["versions"] = [version.version for version in client.beta.agents.versions.list(agent.id)]

client.beta.sessions.archive(session.id)
try:
    client.beta.sessions.events.send(
        session.id, events=[{"type": "user.message", "content": [{"type": "text", "text": "more"}]}]
    )
except anthropic.APIStatusError as error:
    seen["after_archive"] = error.status_code
seen["archived"] = client.beta.sessions.retrieve(session.id).status
client.beta.sessions.delete(pinned.id)
try:
    client.beta.sessions.retrieve(pinned.id)
except anthropic.NotFoundError as error:
    seen["after_delete"] = error.status_code

seen["session"] = session.id
print(json.dumps(seen))
