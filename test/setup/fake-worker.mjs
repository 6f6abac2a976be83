// A worker for the supervisor's tests: does what the text in FAKE_WORKER says.
const { identity } = JSON.parse(process.env.HOLDFAST_WORKER_CONFIG)
const activity = (state, activityId) =>
  process.send({ type: 'activity', state, workflowId: 'sesn_1', runId: 'run', activityId })

process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 1_000_000)

if (process.env.FAKE_WORKER === 'broken') process.exit(3)
if (process.env.HOLDFAST_WORKER_STANDBY) {
  const called = new Promise((resolve) => process.once('message', resolve))
  process.send({ type: 'standby' })
  await called
}
process.send({ type: 'ready', identity })
if (process.env.FAKE_WORKER === 'busy') {
  activity('started', '1')
  activity('started', '2')
  activity('ended', '1')
  process.send({ type: 'preview', sessionId: 'sesn_1', preview: { pid: process.pid } })
}
