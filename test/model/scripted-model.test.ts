import { describe, expect, it, onTestFinished } from 'vitest'
import { Refused, readRequest, sign } from '../../testing/scripted-model/check.ts'
import type { Block, Message } from '../../testing/scripted-model/messages.ts'
import { answer, label, parseScript, type Step } from '../../testing/scripted-model/script.ts'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'

const text = (text: string): Block => ({ type: 'text', text })
const user = (...content: Block[]): Message => ({ role: 'user', content })
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content })
const use = (id: string): Block => ({ type: 'tool_use', id, name: 'bash', input: {} })
const result = (id: string, content: unknown = 'ok'): Block => ({ type: 'tool_result', tool_use_id: id, content })
const tool = (name: string) => ({ name, description: name, input_schema: { type: 'object' } })
const marked = { cache_control: { type: 'ephemeral' } }
const valid = { model: 'm', max_tokens: 10, stream: true, messages: [user(text('hi'))] as unknown[] }
const thought = { type: 'thinking', thinking: 'hm', signature: sign('hm') }

describe('a request to the scripted model', () => {
  const calls = [user(text('a')), assistant(text('b'), use('1'), use('2'))]
  it.each<[string, object]>([
    ['text as a string', { messages: [{ role: 'user', content: 'hi' }], system: 'be' }],
    [
      'every field that is sent',
      {
        system: [text('s')],
        tools: [tool('x')],
        thinking: { type: 'adaptive' },
        output_config: { effort: 'low' },
        speed: 'fast',
      },
    ],
    [
      'calls that are answered in any order',
      { messages: [...calls, user(result('2'), result('1', [text('x')]), text('c'))] },
    ],
    ['thinking as it came', { messages: [user(text('a')), assistant(thought, text('b')), user(text('c'))] }],
    [
      'four breakpoints',
      {
        tools: [{ ...tool('x'), ...marked }],
        system: [{ ...text('s'), ...marked }],
        messages: [user({ ...text('a'), ...marked }), assistant(text('b')), user({ ...text('c'), ...marked })],
      },
    ],
  ])('is accepted with %s', (_, fields) => {
    expect(() => readRequest({ ...valid, ...fields })).not.toThrow()
  })

  it.each<[string, object, string]>([
    ['an unknown field', { max_token: 1 }, 'max_token: Extra inputs'],
    ['no model', { model: undefined }, 'model: Field required'],
    ['no max_tokens', { max_tokens: undefined }, 'max_tokens'],
    ['max_tokens of 0', { max_tokens: 0 }, 'max_tokens'],
    ['a broken max_tokens', { max_tokens: 1.5 }, 'max_tokens'],
    ['no messages', { messages: [] }, 'at least one message'],
    ['messages that are no list', { messages: 'hi' }, 'at least one message'],
    ['content that is no list', { messages: [{ role: 'user', content: 5 }] }, 'messages.0.content'],
    ['a message that is none', { messages: [null] }, 'messages.0'],
    ['a block without type', { messages: [user({ text: 'x' } as unknown as Block)] }, 'messages.0.content.0.type'],
    ['a blank text', { messages: [user(text('a'), text(' \n'))] }, 'non-whitespace'],
    ['a blank text in the system prompt', { system: [text('')] }, 'non-whitespace'],
    [
      'a blank text in a tool result',
      { messages: [...calls, user(result('1', [text('')]), result('2'))] },
      'non-whitespace',
    ],
    [
      'cache_control on thinking',
      { messages: [user(text('a')), assistant({ ...thought, ...marked }, text('b')), user(text('c'))] },
      'thinking blocks cannot have cache_control',
    ],
    [
      'cache_control on redacted thinking',
      { messages: [user(text('a')), assistant({ type: 'redacted_thinking', data: 'x', ...marked }), user(text('c'))] },
      'thinking blocks cannot have cache_control',
    ],
    [
      'thinking that was changed',
      { messages: [user(text('a')), assistant({ ...thought, thinking: 'hm!' }, text('b')), user(text('c'))] },
      'Invalid signature',
    ],
    [
      'thinking without signature',
      { messages: [user(text('a')), assistant({ type: 'thinking', thinking: 'hm' }), user(text('c'))] },
      'Invalid signature',
    ],
    [
      'a thought at the end of a reply',
      { messages: [user(text('a')), assistant(text('b'), thought), user(text('c'))] },
      'cannot be thinking',
    ],
    ['a block of a kind that there is none of', { messages: [user({ type: 'new_kind' })] }, "Input tag 'new_kind'"],
    [
      'a call whose id has other characters',
      { messages: [user(text('a')), assistant(use('call:0/x')), user(result('call:0/x'))] },
      'messages.1.content.0.id',
    ],
    [
      'a call of a tool that cannot be',
      { messages: [user(text('a')), assistant({ ...use('1'), name: 'ba sh!' }), user(result('1'))] },
      'messages.1.content.0.name',
    ],
    [
      'a call whose input is no object',
      { messages: [user(text('a')), assistant({ ...use('1'), input: ['ls'] }), user(result('1'))] },
      'messages.1.content.0.input',
    ],
    ['two tools of one name', { tools: [tool('x'), tool('y'), tool('x')] }, 'tools.2: Tool names must be unique'],
    ['a tool without schema', { tools: [{ name: 'x' }] }, 'tools.0.input_schema.type'],
    [
      'a tool whose schema is no object',
      { tools: [{ name: 'x', input_schema: { type: 'string' } }] },
      'tools.0.input_schema.type',
    ],
    [
      'an assistant at the beginning',
      { messages: [assistant(text('a')), user(text('b'))] },
      'first message must use the "user" role',
    ],
    ['an assistant at the end', { messages: [user(text('a')), assistant(text('b'))] }, 'must end with a user message'],
    [
      'an unknown role',
      { messages: [user(text('a')), { role: 'tool', content: [text('b')] }, user(text('c'))] },
      'unknown role',
    ],
    ['an empty message', { messages: [user()] }, 'non-empty content'],
    ['two messages of the user in a row', { messages: [user(text('a')), user(text('b'))] }, 'roles must alternate'],
    [
      'two of the assistant in a row',
      { messages: [user(text('a')), assistant(text('b')), assistant(text('c')), user(text('d'))] },
      'roles must alternate',
    ],
    [
      'a call that nobody answered',
      { messages: [...calls, user(result('1'), text('x'))] },
      'without tool_result blocks immediately after: 2',
    ],
    [
      'an answer that comes late',
      { messages: [...calls, user(result('1')), assistant(text('x')), user(result('2'))] },
      'immediately after: 2',
    ],
    [
      'an answer to nothing',
      { messages: [...calls, user(result('1'), result('2'), result('3'))] },
      'unexpected tool_use_id in tool_result blocks: 3',
    ],
    ['an answer at the beginning', { messages: [user(result('1'))] }, 'unexpected tool_use_id'],
    [
      'two answers to one call',
      { messages: [...calls, user(result('1'), result('2'), result('1'))] },
      'a single result',
    ],
    [
      'words before the answers',
      { messages: [...calls, user(text('x'), result('1'), result('2'))] },
      'must come first',
    ],
    [
      'words between the answers',
      { messages: [...calls, user(result('1'), text('x'), result('2'))] },
      'must come first',
    ],
    [
      'two calls of one id',
      { messages: [user(text('a')), assistant(use('1'), use('1')), user(result('1'))] },
      'tool_use ids must be unique',
    ],
    [
      'a call of an earlier id',
      { messages: [user(text('a')), assistant(use('1')), user(result('1')), assistant(use('1')), user(result('1'))] },
      'tool_use ids must be unique',
    ],
    [
      'five breakpoints',
      { messages: [user(...Array.from({ length: 5 }, () => ({ ...text('x'), ...marked })))] },
      'A maximum of 4 blocks with cache_control may be provided. Found 5.',
    ],
  ])('is refused with %s', (_, fields, message) => {
    const read = () => readRequest({ ...valid, ...fields })
    expect(read).toThrow(Refused)
    expect(read).toThrow(message)
  })

  it.each([null, [], 'text', 5])('is refused when it is %j', (body) => {
    expect(() => readRequest(body)).toThrow('the body must be an object')
  })
})

describe('the server of the scripted model', () => {
  async function serving() {
    const model = await startScriptedModel()
    onTestFinished(() => model.close())
    const post = (body: string, headers: Record<string, string> = { 'x-api-key': 'k' }) =>
      fetch(`${model.url}/v1/messages`, { method: 'POST', body, headers })
    return { model, post }
  }

  it('refuses what breaks a rule as the real one does, and remembers it', async () => {
    const { model, post } = await serving()
    const response = await post(JSON.stringify({ ...valid, messages: [] }))
    expect(response.status).toBe(400)
    const message = 'messages: at least one message is required'
    expect(await response.json()).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: `[scripted] ${message}` },
    })
    expect(model.requests).toMatchObject([{ refused: message }])
  })

  it('refuses a body that is no JSON, and a script that it does not understand', async () => {
    const { post } = await serving()
    expect((await post('{"model": ')).status).toBe(400)
    const saying = (escaped: string) => JSON.stringify({ ...valid, messages: [user(text('?'))] }).replace('?', escaped)
    expect((await post(saying('\\ud83d'))).status).toBe(400)
    for (const whole of ['\\ud83d\\ude00', '\\\\ud83d']) expect((await post(saying(whole))).status).toBe(200)
    const response = await post(JSON.stringify({ ...valid, messages: [user(text('#sing a song'))] }))
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('unknown directive: #sing a song')
  })

  it('refuses a request without a key, takes either kind, and has nothing else', async () => {
    const { model, post } = await serving()
    expect((await post(JSON.stringify(valid), {})).status).toBe(401)
    for (const headers of [{ 'x-api-key': 'k' }, { authorization: 'Bearer k' }] as Record<string, string>[]) {
      const response = await post(JSON.stringify(valid), headers)
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('message_stop')
    }
    expect((await fetch(`${model.url}/v1/models`)).status).toBe(404)
    expect(await (await fetch(`${model.url}/health`)).text()).toBe('ok')
    expect(await (await fetch(`${model.url}/requests`)).json()).toHaveLength(2)
  })

  it('lets a fault strike as often as it says for one and the same request', async () => {
    const { post } = await serving()
    const body = (said: string) => JSON.stringify({ ...valid, messages: [user(text(said))] })
    const statuses: number[] = []
    for (let n = 0; n < 4; n++) {
      const response = await post(body('#fault 529 times=2\n#say x'))
      await response.text()
      statuses.push(response.status)
    }
    expect(statuses).toEqual([529, 529, 200, 200])
    // Another conversation has faults of its own.
    expect((await post(body('#fault 529 times=2\n#say y'))).status).toBe(529)
  })

  it('counts what the prefix cache gave', async () => {
    const { model, post } = await serving()
    const long = user({ ...text('long '.repeat(1000)), ...marked })
    await (await post(JSON.stringify({ ...valid, messages: [long] }))).text()
    await (await post(JSON.stringify({ ...valid, messages: [long, assistant(text('a')), user(text('b'))] }))).text()
    const [first, second] = model.requests.map(({ usage }) => usage!)
    expect(first).toMatchObject({ input_tokens: 0, cache_read_input_tokens: 0 })
    expect(first!.cache_creation_input_tokens).toBeGreaterThan(1000)
    expect(second!.cache_read_input_tokens).toBe(first!.cache_creation_input_tokens)
    expect(second!.cache_creation_input_tokens).toBe(0)
    expect(second!.input_tokens).toBeGreaterThan(0)
  })
})

/** Answers as the script has it until it calls no more tools; every result is `result N`. */
function play(asked: string, before: Message[] = []): Step[] {
  const messages = [...before, user(text(asked))]
  const steps: Step[] = []
  for (let n = 0; ; n++) {
    const step = answer(messages)
    steps.push(step)
    const calls = step.blocks.flatMap((block, index) => (block.type === 'tool_use' ? [`${n}.${index}`] : []))
    if (calls.length === 0) return steps
    messages.push(assistant(...calls.map(use)), user(...calls.map((id) => result(id, `result ${id}`))))
  }
}
const said = (words: string) => ({ type: 'text', text: `${label} ${words}` })
const bash = (command: string) => ({ type: 'tool_use', name: 'bash', input: { command } })

describe('a script', () => {
  it('is played one reply a step, the last of them with the newest result', () => {
    const steps = play('#bash ls\n#tool read {"file_path": "/a b"}\n#say it was {{last}} and {{last}}')
    expect(steps.map(({ blocks }) => blocks)).toEqual([
      [bash('ls')],
      [{ type: 'tool_use', name: 'read', input: { file_path: '/a b' } }],
      [said('it was result 1.0 and result 1.0')],
    ])
  })

  it('ends with the newest result when its steps are used up', () => {
    expect(play('#bash ls').at(-1)!.blocks).toEqual([said('result 0.0')])
    expect(answer([user(text('#say a')), assistant(text('a')), user(result('x', ' '))]).blocks).toEqual([said('done')])
  })

  it('gives the same answer to the same request', () => {
    const messages = [user(text('#bash ls\n#say x'))]
    expect(answer(messages)).toEqual(answer(messages))
  })

  it('puts text and thinking before a call, and calls together into one reply', () => {
    const [first, second] = parseScript('#think hm\n#text I look\n#bash a\n#and\n#bash b\\nc\n#and\n#tool now\n#say x')
    expect(first!.blocks).toEqual([
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'I look' },
      bash('a'),
      bash('b\nc'),
      { type: 'tool_use', name: 'now', input: {} },
    ])
    expect(second!.blocks).toEqual([said('x')])
  })

  it('has refusals, waits, slow replies and long ones', () => {
    expect(parseScript('#wait 20\n#refuse\n#slow 5\n#long 3')).toEqual([
      { blocks: [], refuse: true, waitMs: 20 },
      { blocks: [said('word word word')], slowMs: 5 },
    ])
  })

  it('has faults with their options, of the reply behind them only', () => {
    expect(parseScript('#fault 429 retry-after=1.5 times=3\n#say a\n#say b\n#fault cut\n#say c')).toEqual([
      { blocks: [said('a')], fault: { kind: '429', retryAfterSeconds: 1.5, times: 3 } },
      { blocks: [said('b')] },
      { blocks: [said('c')], fault: { kind: 'cut', times: 1 } },
    ])
  })

  it('keeps what stands at its end without a call', () => {
    expect(parseScript('#think hm')).toEqual([{ blocks: [{ type: 'thinking', thinking: 'hm' }] }])
    expect(parseScript('#fault 500')).toEqual([{ blocks: [], fault: { kind: '500', times: 1 } }])
  })

  it.each(['#sing a song', '#tool x {"a": ', '#fault 418', '#fault'])(
    'says which line it does not understand: %s',
    (line) => {
      expect(() => parseScript(`#say a\n${line}`)).toThrow(line)
    },
  )

  it('has lines without directive ignored, also headings', () => {
    expect(parseScript('Dear model,\n# a heading\n#say a')).toEqual([{ blocks: [said('a')] }])
  })

  it('is the newest one of several that came together, and begins anew with each message', () => {
    expect(answer([user(text('#say a'), text('#say b'), text('and please'))]).blocks).toEqual([said('b')])
    expect(answer([user(text('#say a')), assistant(text('a')), user(text('#say b'))]).blocks).toEqual([said('b')])
  })
})

describe('the demonstration', () => {
  const asked = 'What is in /mnt/session/uploads/data.csv?'
  const conversation = () => {
    const messages: Message[] = [user(text(asked))]
    const outputs = ['a,b\n1,2\n3,4', 'scanning part 6 of 6\nrows: 2\nmean of a: 2\nmean of b: 3']
    for (const [n, output] of outputs.entries()) {
      const { blocks } = answer(messages)
      const call = blocks.find((block) => block.type === 'tool_use')!
      messages.push(assistant({ id: `${n}`, ...call }), user(result(`${n}`, output)))
    }
    return messages
  }

  it('looks at the CSV file it is asked about, reads it through and reports', () => {
    const messages = conversation()
    expect(messages[1]!.content[0]).toMatchObject({ input: { command: 'head -n 4 /mnt/session/uploads/data.csv' } })
    expect(JSON.stringify(messages[3]!.content[0]!.input)).toContain('/mnt/session/uploads/data.csv')
    expect(answer(messages).blocks).toEqual([
      said('/mnt/session/uploads/data.csv has 2 rows and the columns a, b. The mean of a: 2, mean of b: 3.'),
    ])
  })

  it('answers a later question from the conversation, without a call', () => {
    const messages = conversation()
    const report = answer(messages).blocks[0] as unknown as Block
    const { blocks } = answer([...messages, assistant(report), user(text('How many rows were there?'))])
    expect(blocks).toEqual([
      said(`From before, without looking again: ${String(report.text).replace(`${label} `, '')}`),
    ])
  })

  it('repeats what it was told otherwise', () => {
    expect(answer([user(text(' Good morning '))]).blocks).toEqual([said('You said: Good morning')])
  })

  it('always says that it is the scripted model', () => {
    for (const words of [asked, 'Good morning', '#long 3', '#bash ls']) {
      expect(JSON.stringify(play(words).at(-1)!.blocks)).toContain(label)
    }
  })
})
