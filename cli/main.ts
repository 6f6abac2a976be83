import { exitCodes } from './exit-codes.ts'
import { failureOf } from './failure.ts'
import { holdfastProgram } from './program.ts'

process.title = 'holdfast'

// `holdfast … | head`: who read has read enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(process.exitCode ?? exitCodes.ok)
  })
}

try {
  await holdfastProgram().parseAsync()
} catch (error) {
  // What is thrown up to here says by itself what to do; a stack would hide it. HOLDFAST_DEBUG shows that too.
  const failure = failureOf(error)
  const isQuiet = failure.message === '' || failure.exitCode === exitCodes.interrupted
  const text = process.env.HOLDFAST_DEBUG ? ((failure.cause ?? failure) as Error).stack : failure.message
  if (!isQuiet) process.stderr.write(`holdfast: ${text}\n`)
  process.exitCode = failure.exitCode
}
