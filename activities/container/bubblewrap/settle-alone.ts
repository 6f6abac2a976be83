import { existsSync } from 'node:fs'
import type { ToolResult } from '../../../protocol/contract.ts'
import { fingerprint, Ledger } from '../keeper/ledger.ts'
import { unknown } from '../keeper/results.ts'
import type { ContainerCall } from '../provider.ts'
import { notBegun } from '../supervisor/result.ts'

/**
 * The result of a call that was to stop and whose keeper is silent: what the ledger has of it. When that has nothing, it is
 * taken down here as begun and ended, so that the keeper cannot begin it any more, should it come back.
 * @param options.wasHandedIn whether a keeper may have it
 */
export async function settleAlone(
  folder: string,
  call: ContainerCall,
  { wasHandedIn }: { wasHandedIn: boolean },
): Promise<ToolResult> {
  const ledger = new Ledger(folder)
  const print = fingerprint(call)
  // The folder is the keeper's to make. Of two who take a call, one gets it.
  const isOurs = existsSync(folder) && (await succeeds(ledger.start(call.id, print)))
  if (isOurs) {
    const result = notBegun()
    await succeeds(ledger.finish(call.id, print, result).isOnDisk)
    return result
  }
  const entry = ledger.look(call.id)
  if (entry.state === 'done') return entry.result
  if (entry.state === 'none' && !wasHandedIn) return notBegun()
  return unknown('what runs it does not answer', ledger.output(call.id))
}

const succeeds = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  )
