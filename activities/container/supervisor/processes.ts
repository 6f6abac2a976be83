import { readdir, readFile } from 'node:fs/promises'

/**
 * Kills a shell and everything that its current call started, also what left the shell's group: those carry the call's
 * marker in their environment. Processes of earlier calls go on.
 */
export async function killAll(shell: number, marker: string): Promise<void> {
  // Stopped first, so that none forks while the list is made.
  signal(shell, 'SIGSTOP')
  for (let round = 0; round < 5; round++) {
    const found = await ofCall(shell, marker)
    if (found.length === 0) break
    for (const pid of found) signal(pid, 'SIGKILL')
  }
  signal(shell, 'SIGKILL')
}

async function ofCall(shell: number, marker: string): Promise<number[]> {
  if (marker === '') return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const checks = await Promise.all(
    pids.map(async (pid) => {
      if (pid === shell || pid === process.pid || pid === 1) return false
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      if (!environment.includes(`HOLDFAST_CALL=${marker}`)) return false
      const state = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ') Z')
      return !/\) [ZX]/.test(state)
    }),
  )
  return pids.filter((_, index) => checks[index])
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}
