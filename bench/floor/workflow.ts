import { condition, defineSignal, proxyActivities, setHandler, upsertMemo } from '@temporalio/workflow'

const { step } = proxyActivities<{ step(bytes: number): Promise<string> }>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '3 seconds',
  retry: { maximumAttempts: 1 },
})

const deliver = defineSignal<[unknown]>('deliver')

/** What it costs to take in what is sent. */
export async function listener(): Promise<void> {
  setHandler(deliver, () => {})
  await condition(() => false)
}

/** What a turn costs without any product: a signal, two memo upserts, activities with payloads of the same size. */
export async function floor(steps: 1 | 3): Promise<void> {
  const inbox: string[] = []
  setHandler(deliver, (text) => void inbox.push(text as string))
  for (;;) {
    await condition(() => inbox.length > 0)
    const text = inbox.shift()!
    upsertMemo({ state: 'running', text: text.slice(0, 200) })
    await step(600)
    if (steps === 3) {
      await step(200)
      await step(400)
    }
    upsertMemo({ state: 'idle', text: text.slice(0, 400) })
  }
}
