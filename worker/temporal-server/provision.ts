/** The program that makes the Temporal CLI ready before anything needs it: `node provision.ts`. */
import { resolveBinary } from './resolve-binary.ts'

try {
  await resolveBinary({ report: (line) => console.error(`holdfast: ${line}`) })
} catch (error) {
  console.error(`holdfast: ${(error as Error).message}`)
  process.exitCode = 1
}
