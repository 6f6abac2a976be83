import { status as Grpc } from '@grpc/grpc-js'
import { Connection, type ConnectionOptions } from '@temporalio/client'

/**
 * Checks a server that somebody else runs: it answers and has the namespace. Nothing in it is changed.
 * @throws Error with the command or setting that mends it
 */
export async function checkServer(reach: ConnectionOptions, namespace: string): Promise<void> {
  const { address } = reach
  const connection = await Connection.connect({ ...reach, connectTimeout: 10_000 }).catch((error: Error) => {
    throw new Error(
      `no Temporal server answers at ${address} (${firstLine(error)}): check TEMPORAL_ADDRESS and TEMPORAL_TLS, or unset TEMPORAL_ADDRESS to let Holdfast start one`,
      { cause: error },
    )
  })
  try {
    await connection.withDeadline(Date.now() + 10_000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    )
  } catch (error) {
    const { code } = error as { code?: number }
    const fix =
      code === Grpc.NOT_FOUND
        ? `make it with: temporal operator namespace create --namespace ${namespace} --retention 30d --address ${address}`
        : 'check TEMPORAL_NAMESPACE and TEMPORAL_API_KEY'
    throw new Error(`the namespace ${namespace} at ${address} cannot be used (${firstLine(error as Error)}): ${fix}`, {
      cause: error,
    })
  } finally {
    await connection.close()
  }
}

const firstLine = ({ message }: Error) => message.split('\n')[0]
