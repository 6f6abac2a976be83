import { TestWorkflowEnvironment } from '@temporalio/testing'

/** The process that downloads: `node download-process.ts FOLDER RELEASE`. Says over IPC how it went. */
const [downloadDir, release] = process.argv.slice(2)
process.on('disconnect', () => process.exit(1))

// The SDK has no download of its own: it comes with starting a server, which is stopped at once.
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', version: `v${release}`, ...(downloadDir && { downloadDir }) } },
  })
  await environment.teardown()
  process.send!({ problem: null })
} catch (error) {
  process.send!({ problem: innermost((error as Error).message) })
}

/** The core repeats itself on the way up. */
function innermost(message: string): string {
  return message.split(': ').slice(-3).join(': ')
}
