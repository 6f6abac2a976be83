import type { Operation } from '../operation.ts'
import { agentOperations } from './agents.ts'
import { deploymentOperations } from './deployments.ts'
import { environmentOperations } from './environments.ts'
import { fileOperations } from './files.ts'
import { memoryStoreOperations } from './memory-stores.ts'
import { sessionResourceOperations } from './session-resources.ts'
import { sessionThreadOperations } from './session-threads.ts'
import { sessionOperations } from './sessions.ts'
import { skillOperations } from './skills.ts'
import { vaultOperations } from './vaults.ts'

/** Every endpoint of the API. A route without an entry here fails a test. */
export const operations: readonly Operation[] = [
  ...agentOperations,
  ...environmentOperations,
  ...deploymentOperations,
  ...sessionOperations,
  ...sessionResourceOperations,
  ...sessionThreadOperations,
  ...fileOperations,
  ...memoryStoreOperations,
  ...skillOperations,
  ...vaultOperations,
]
