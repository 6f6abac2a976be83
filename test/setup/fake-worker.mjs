// A worker for the supervisor's tests: does what the text in FAKE_WORKER says.
const { identity } = JSON.parse(process.env.HOLDFAST_WORKER_CONFIG)
const activity = (activityId) => ({ workflowId: 'sesn_1', runId: 'run', activityId })
const heard = Promise.withResolvers()
process.on('message', (message) => {
  if (message.type === 'work') heard.resolve()
  else if (message.type === 'ask') process.send({ type: 'here' })
  // What it is told it says again.
  else process.send({ type: 'preview', sessionId: 'sesn_1', preview: message })
})

process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 1_000_000)

if (process.env.FAKE_WORKER === 'broken') process.exit(3)
if (process.env.HOLDFAST_WORKER_STANDBY) {
  process.send({ type: 'standby' })
  await heard.promise
}
process.send({ type: 'ready', identity })
if (process.env.FAKE_WORKER === 'busy') {
  process.send({ type: 'activities', started: activity('1'), ended: [] })
  process.send({ type: 'activities', started: activity('2'), ended: [activity('1')] })
  process.send({ type: 'preview', sessionId: 'sesn_1', preview: { pid: process.pid } })
}
