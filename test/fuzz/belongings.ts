import type Anthropic from '@anthropic-ai/sdk'

/** Everything that the API shows, by id, as text that two looks can be compared by. */
export async function belongings(client: Anthropic): Promise<Map<string, string>> {
  const seen = new Map<string, string>()
  const note = (object: { id: string }) => seen.set(object.id, JSON.stringify(object))
  const beta = client.beta
  for await (const agent of beta.agents.list({ include_archived: true, limit: 100 })) note(agent)
  for await (const environment of beta.environments.list({ include_archived: true, limit: 100 })) note(environment)
  for await (const file of beta.files.list({ limit: 1000 })) note(file)
  for await (const store of beta.memoryStores.list({ include_archived: true })) note(store)
  for await (const skill of beta.skills.list({ limit: 100 })) note(skill)
  for await (const vault of beta.vaults.list({ include_archived: true })) note(vault)
  for await (const session of beta.sessions.list({ include_archived: true, limit: 100 })) {
    const events = []
    for await (const event of beta.sessions.events.list(session.id)) events.push(event.id)
    // The list may be a moment behind. The seconds of a session's life go on by themselves.
    const current = await beta.sessions.retrieve(session.id)
    note({ ...current, stats: null, events } as never)
  }
  return seen
}
