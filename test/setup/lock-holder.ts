/** A process that locks the folder of its first argument and keeps the lock until it is killed. */
import { lockData } from '../../worker/data-lock.ts'

const lock = await lockData(process.argv[2]!)
console.log('locked')
// The reference keeps the lock's file open; the timer keeps the process.
setInterval(() => lock, 3_600_000)
